//! Every kind of file comes back as it was.

use std::{
    fs::{self, File},
    io::{Seek as _, SeekFrom, Write as _},
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::{
            fs::{MetadataExt as _, symlink},
            net::UnixListener,
        },
    },
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, UNIX_EPOCH},
};

use rustix::fs::{CWD, Mode, OFlags, RenameFlags, mkdirat, openat, renameat_with};

use crate::support::{Is, Place, chmod, mode, noise, raw, tree};

/// Saves, spoils everything, restores, and compares.
async fn comes_back(place: &Place) {
    let before = tree(&place.live());
    let made = place.make(1).await;
    let there: Vec<_> = fs::read_dir(place.live()).unwrap().collect();
    for (number, entry) in there.into_iter().enumerate() {
        let path = entry.unwrap().path();
        fs::rename(&path, path.with_file_name(format!("spoiled-{number}"))).unwrap();
    }
    place.restore(&made.id, 2).await;
    assert_eq!(tree(&place.live()), before);
}

#[tokio::test]
async fn files_empty_folders_modes_and_times_to_the_nanosecond_come_back() {
    let place = Place::new();
    place.write("app/main.py", "print('hi')");
    let secret = place.write("app/secret", "x");
    let set_uid = place.write("app/tool", "#!/bin/sh");
    let empty = place.live().join("empty/inner");
    fs::create_dir_all(&empty).unwrap();
    chmod(&secret, 0o400);
    chmod(&set_uid, 0o4755);
    chmod(&empty, 0o1777);
    let time = UNIX_EPOCH + Duration::new(1_234_567_890, 123_456_789);
    File::open(&set_uid).unwrap().set_modified(time).unwrap();
    File::open(place.live().join("empty")).unwrap().set_modified(time).unwrap();
    File::open(place.live()).unwrap().set_modified(time).unwrap();
    comes_back(&place).await;
    assert_eq!((mode(&set_uid), mode(&empty)), (0o4755, 0o1777));
}

#[tokio::test]
async fn links_come_back_as_links_and_nothing_behind_them_is_saved() {
    let place = Place::new();
    let outside = place.root().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("password"), "hunter2").unwrap();
    for (name, target) in [
        ("folder", outside.clone()),
        ("file", outside.join("password")),
        ("dangling", PathBuf::from("no/where")),
        ("loop", PathBuf::from("loop")),
        ("untidy", PathBuf::from(".//a/./../b//")),
        ("long", PathBuf::from("x/".repeat(200))),
    ] {
        symlink(target, place.live().join(name)).unwrap();
    }
    symlink(raw(b"\xff\xfe"), place.live().join("bytes")).unwrap();
    let made = place.make(1).await;
    assert_eq!(made.files, 0, "a link is no file");
    comes_back(&place).await;
    assert_eq!(fs::read_to_string(outside.join("password")).unwrap(), "hunter2");
}

#[tokio::test]
async fn names_that_are_long_or_no_text_come_back() {
    let place = Place::new();
    for length in [99, 100, 101, 155, 254, 255] {
        place.write(&"n".repeat(length), "x");
    }
    let mut deep = place.live();
    for _ in 0..10 {
        deep = deep.join("d".repeat(200));
    }
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("deep"), "x").unwrap();
    symlink("y".repeat(150), deep.join("link")).unwrap();
    fs::write(place.live().join(raw(b"\xff\xfe\n\t \\x")), "x").unwrap();
    fs::write(place.live().join(raw(&[b"\xe9".repeat(120), b"x".to_vec()].concat())), "x").unwrap();
    place.write("-rf", "x");
    place.write("back\\slash", "x");
    comes_back(&place).await;
}

#[tokio::test]
async fn a_tree_whose_paths_are_longer_than_the_system_takes_comes_back() {
    let place = Place::new();
    let open = |folder: BorrowedFd<'_>, name: &str| {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY;
        openat(folder, name, flags, Mode::empty()).unwrap()
    };
    let (name, mut folder) = ("d".repeat(200), open(CWD, place.live().to_str().unwrap()));
    for _ in 0..30 {
        mkdirat(&folder, &name, Mode::RWXU).unwrap();
        folder = open(folder.as_fd(), &name);
    }
    let flags = OFlags::CREATE | OFlags::WRONLY;
    let file = openat(&folder, "file", flags, Mode::RUSR).unwrap();
    File::from(file).write_all(b"deep\n").unwrap();
    let made = place.make(1).await;
    assert_eq!((made.files, made.bytes), (1, 5));
    fs::remove_dir_all(place.live()).unwrap();
    place.restore(&made.id, 2).await;
    assert_eq!(place.make(3).await.files, 1);
}

#[tokio::test]
async fn hard_links_come_back_as_files_with_the_same_content() {
    let place = Place::new();
    let one = place.write("one", "same");
    fs::hard_link(&one, place.live().join("two")).unwrap();
    comes_back(&place).await;
    assert_eq!((place.read("one"), place.read("two")), ("same".into(), "same".into()));
}

#[tokio::test]
async fn pipes_sockets_and_devices_are_left_out_and_said() {
    let place = Place::new();
    place.write("file", "x");
    assert!(Command::new("mkfifo").arg(place.live().join("pipe")).status().unwrap().success());
    let _socket = UnixListener::bind(place.live().join("socket")).unwrap();
    let answer = place.try_to_make(1).await;
    assert_eq!(answer.result.as_ref().unwrap().files, 1);
    assert_eq!(answer.remarks.len(), 2, "{:?}", answer.remarks);
    assert!(answer.remarks[0].contains("live/pipe is a pipe"), "{:?}", answer.remarks);
    let made = answer.result.unwrap();
    place.restore(&made.id, 2).await;
    let kept = tree(&place.root().join(".live.replaced-2"));
    assert_eq!(kept[&PathBuf::from("pipe")].is, Is::Other, "moved aside, not lost");
}

#[tokio::test]
async fn a_file_with_holes_is_saved_small_and_comes_back_with_holes() {
    let place = Place::new();
    let size = 300 << 20;
    let mut file = File::create(place.live().join("holes")).unwrap();
    file.write_all(b"begin").unwrap();
    file.seek(SeekFrom::Start(size - 3)).unwrap();
    file.write_all(b"end").unwrap();
    let made = place.make(1).await;
    assert!(place.list().await[0].archive_bytes < 1 << 20);
    fs::remove_file(place.live().join("holes")).unwrap();
    place.restore(&made.id, 2).await;
    let there = fs::metadata(place.live().join("holes")).unwrap();
    assert_eq!(there.len(), size);
    assert!(there.blocks() * 512 < 1 << 20, "{} blocks", there.blocks());
    let text = fs::read(place.live().join("holes")).unwrap();
    assert!(text.starts_with(b"begin\0") && text.ends_with(b"\0end"));
}

/// Writes to a file for as long as it lives.
struct Writer(Arc<AtomicBool>, Option<thread::JoinHandle<()>>);

impl Writer {
    fn on(mut write: impl FnMut(u64) + Send + 'static) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let seen = ended.clone();
        let mut count = 0;
        let thread = thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                write(count);
                count += 1;
            }
        });
        Self(ended, Some(thread))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.take().unwrap().join().unwrap();
    }
}

#[tokio::test]
async fn a_file_that_always_changes_is_saved_whole_and_said() {
    let place = Place::new();
    let small = place.write("small.log", "x");
    let large = place.live().join("large.log");
    fs::write(&large, noise(20 << 20)).unwrap();
    place.write("zzz", "after it");
    let writers = [small, large].map(|path| {
        let mut file = File::options().append(true).open(path).unwrap();
        Writer::on(move |_| file.write_all(b"line\n").unwrap())
    });
    let answer = place.try_to_make(1).await;
    drop(writers);
    let made = answer.result.unwrap();
    let said = answer.remarks.join("\n");
    assert!(said.contains("large.log changed each time it was read"), "{said}");
    place.restore(&made.id, 2).await;
    let restored = fs::read(place.live().join("large.log")).unwrap();
    assert!(restored.starts_with(&noise(20 << 20)), "what did not change is there");
    assert_eq!(place.read("zzz"), "after it");
}

#[tokio::test]
async fn a_file_that_becomes_shorter_while_it_is_read_does_not_break_the_archive() {
    let place = Place::new();
    let path = place.live().join("cut");
    let content = noise(20 << 20);
    fs::write(&path, &content).unwrap();
    place.write("zzz", "after it");
    let file = File::options().write(true).open(&path).unwrap();
    let writer = Writer::on(move |count| {
        let length = if count % 2 == 0 { 1000 } else { 20 << 20 };
        file.set_len(length).unwrap();
    });
    let made = place.make(1).await;
    drop(writer);
    place.restore(&made.id, 2).await;
    assert_eq!(place.read("zzz"), "after it");
}

#[tokio::test]
async fn a_folder_that_becomes_a_link_meanwhile_leads_nobody_elsewhere() {
    let mut place = Place::new();
    place.settings.keep = 100;
    let outside = place.root().join("outside");
    fs::create_dir_all(outside.join("swapped")).unwrap();
    fs::write(outside.join("swapped/password"), "hunter2").unwrap();
    let live = place.live();
    place.write("swapped/harmless", "x");
    let link = place.root().join("link");
    symlink(outside.join("swapped"), &link).unwrap();
    let real = live.join("swapped");
    let writer = Writer::on(move |_| {
        renameat_with(CWD, &real, CWD, &link, RenameFlags::EXCHANGE).unwrap();
    });
    let mut made = Vec::new();
    for number in 0..60 {
        let answer = place.try_to_make(number).await;
        match answer.result {
            Ok(report) => made.push(report),
            Err(failure) => assert!(failure.message.contains("became something else"), "{failure}"),
        }
    }
    drop(writer);
    assert!(!made.is_empty());
    for report in made {
        let manifest = place.folder_of(&report.id).join("manifest.json");
        if let Ok(text) = fs::read_to_string(manifest) {
            assert!(!text.contains("password"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_file_that_may_not_be_read_fails_the_backup_and_is_named() {
    let place = Place::new();
    place.write("file", "x");
    let test = "files::a_file_that_may_not_be_read_fails_the_backup_and_is_named";
    if let Ok(folder) = std::env::var("RIPCORD_TEST_AS_NOBODY") {
        let mut settings = place.settings.clone();
        settings.paths = vec![PathBuf::from(&folder).join("live")];
        settings.dir = PathBuf::from(&folder).join("backups");
        let said = Place { settings, ..place }.try_to_make(1).await.failure();
        assert!(said.contains("live/secret: Permission denied"), "{said}");
        assert!(said.contains("give the agent's user the right"), "{said}");
        return;
    }
    let shared = tempfile::TempDir::new().unwrap();
    chmod(shared.path(), 0o777);
    fs::create_dir(shared.path().join("live")).unwrap();
    fs::write(shared.path().join("live/secret"), "x").unwrap();
    chmod(&shared.path().join("live/secret"), 0o000);
    let program = shared.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut again = Command::new(&program);
    again.args(["--exact", test]).env("RIPCORD_TEST_AS_NOBODY", shared.path());
    if rustix::process::getuid().is_root() {
        use std::os::unix::process::CommandExt as _;
        again.uid(65534).gid(65534);
    }
    let ended = again.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && said.contains("1 passed"), "{said}");
    assert_eq!(fs::read_dir(shared.path().join("backups")).unwrap().count(), 0, "no leftovers");
}

#[tokio::test]
async fn the_archive_is_one_that_tar_reads_and_checks() {
    let place = Place::new();
    place.write("app/main.py", "print('hi')");
    place.write(&format!("app/{}/x", "long".repeat(60)), "x");
    symlink("app/".repeat(60), place.live().join("link")).unwrap();
    let made = place.make(1).await;
    let folder = place.folder_of(&made.id);
    let into = place.root().join("by-hand");
    fs::create_dir(&into).unwrap();
    let unpack = "set -e; zstd --quiet --decompress --stdout files.tar.zst > \"$0/t\"; tar -xpf \"$0/t\" \
                  -C \"$0\"; sha256sum --check --quiet SHA256SUMS";
    let unpacked =
        Command::new("sh").args(["-c", unpack]).arg(&into).current_dir(&folder).output().unwrap();
    let said = String::from_utf8_lossy(&unpacked.stderr);
    assert!(unpacked.status.success(), "{said}");
    let by_hand = into.join(place.live().strip_prefix("/").unwrap());
    let strip = |tree: crate::support::Tree| {
        tree.into_iter().map(|(path, thing)| (path, thing.is, thing.mode)).collect::<Vec<_>>()
    };
    assert_eq!(strip(tree(&by_hand)), strip(tree(&place.live())));
}
