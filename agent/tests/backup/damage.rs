//! What is damaged, or wants to write elsewhere, is refused before anything is touched.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use ring::digest::{SHA256, digest};
use ripcord_core::BackupId;
use serde_json::{Value, json};

use crate::support::{Place, damage, noise, tree};

fn sum(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes this manifest with sums that prove it, as somebody would who wants it to be believed.
pub fn forge(_: &Place, folder: &Path, manifest: &Value) {
    let text = serde_json::to_vec(manifest).unwrap();
    let archive = manifest["summary"]["archive_sha256"].as_str().unwrap();
    let sums = format!("{}  manifest.json\n{archive}  files.tar.zst\n", sum(&text));
    fs::write(folder.join("manifest.json"), text).unwrap();
    fs::write(folder.join("SHA256SUMS"), sums).unwrap();
}

fn manifest(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

/// A place with a backup, and something newer that must stay as it is.
async fn saved() -> (Place, BackupId) {
    let place = Place::new();
    fs::write(place.live().join("file"), noise(100_000)).unwrap();
    place.write("folder/other", "old");
    symlink("file", place.live().join("link")).unwrap();
    let id = place.make(1).await.id;
    place.write("folder/other", "new");
    (place, id)
}

async fn is_refused(place: &Place, id: &BackupId, expected: &str) {
    let outside = place.root().join("outside");
    fs::create_dir_all(&outside).unwrap();
    let before = tree(&place.root());
    let said = place.try_to_restore(id, 2).await.failure();
    assert!(said.contains(expected), "{expected}: {said}");
    assert!(said.contains("nothing was touched"), "{said}");
    assert_eq!(strip(tree(&place.root())), strip(before), "{expected}");
}

/// The folder around the paths had folders of ours for a while: its own time does not count.
fn strip(mut tree: crate::support::Tree) -> crate::support::Tree {
    tree.remove(Path::new(""));
    tree
}

#[tokio::test]
async fn a_bit_that_turned_over_anywhere_in_the_archive_is_found() {
    let (place, id) = saved().await;
    let archive = place.folder_of(&id).join("files.tar.zst");
    let whole = fs::read(&archive).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 40).chain([whole.len() - 1]) {
        damage(&archive, at);
        is_refused(&place, &id, "is damaged").await;
        fs::write(&archive, &whole).unwrap();
    }
    place.restore(&id, 3).await;
    assert_eq!(place.read("folder/other"), "old");
}

#[tokio::test]
async fn an_archive_that_is_cut_short_longer_or_gone_is_found() {
    let (place, id) = saved().await;
    let archive = place.folder_of(&id).join("files.tar.zst");
    let whole = fs::read(&archive).unwrap();
    for length in [0, 1, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&archive, &whole[..length]).unwrap();
        is_refused(&place, &id, "is damaged").await;
    }
    fs::write(&archive, [whole.as_slice(), b"more"].concat()).unwrap();
    is_refused(&place, &id, "files.tar.zst is of another size").await;
    fs::remove_file(&archive).unwrap();
    is_refused(&place, &id, "is damaged").await;
}

#[tokio::test]
async fn a_manifest_that_was_changed_is_found() {
    let (place, id) = saved().await;
    let folder = place.folder_of(&id);
    let path = folder.join("manifest.json");
    let whole = fs::read(&path).unwrap();
    let text = String::from_utf8(whole.clone()).unwrap();
    fs::write(&path, text.replace("acfdb42", "bbbbbbb")).unwrap();
    is_refused(&place, &id, "manifest.json is not what SHA256SUMS says").await;
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    is_refused(&place, &id, "cannot read manifest.json").await;
}

#[tokio::test]
async fn a_manifest_that_was_changed_with_its_sum_does_not_fit_the_archive() {
    type Change = (fn(&mut Value), &'static str);
    let changes: [Change; 7] = [
        (|json| json["summary"]["schema"] = "ripcord/v2/backup".into(), "another version"),
        (|json| json["entries"][1]["is"]["file"]["size"] = 5.into(), "something else"),
        (|json| json["entries"][1]["is"]["file"]["sha256"] = "0".repeat(64).into(), "its content"),
        (|json| drop(json["entries"].as_array_mut().unwrap().pop()), "holds more than"),
        (|json| drop(json["entries"].as_array_mut().unwrap().remove(1)), "in its place"),
        (|json| json["entries"][1]["is"] = "folder".into(), "something else"),
        (|json| json["summary"]["archive_sha256"] = "0".repeat(64).into(), "the checksum of"),
    ];
    for (change, expected) in changes {
        let (place, id) = saved().await;
        let folder = place.folder_of(&id);
        let mut json = manifest(&folder);
        change(&mut json);
        forge(&place, &folder, &json);
        is_refused(&place, &id, expected).await;
    }
}

/// A backup that somebody made to write elsewhere: archive, manifest and sums agree.
fn planted(place: &Place, id: &BackupId, members: &[(&str, Value, &[u8])]) {
    let folder = place.folder_of(id);
    let mut json = manifest(&folder);
    let mut tar = tar::Builder::new(Vec::new());
    let mut entries = Vec::new();
    for (path, is, content) in members {
        let mut header = tar::Header::new_gnu();
        let name = path.trim_start_matches('/').as_bytes();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        let kind = match is {
            Value::String(_) => tar::EntryType::Directory,
            Value::Object(is) if is.contains_key("link") => tar::EntryType::Symlink,
            _ => tar::EntryType::Regular,
        };
        header.set_entry_type(kind);
        if let Some(target) = is["link"]["target"].as_str() {
            header.set_link_name_literal(target).unwrap();
        }
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        header.set_cksum();
        tar.append(&header, *content).unwrap();
        entries.push(json!({
            "path": path, "mode": 0o755, "uid": 0, "gid": 0, "mtime": [0, 0], "is": is,
        }));
    }
    let archive = zstd::encode_all(&tar.into_inner().unwrap()[..], 3).unwrap();
    json["entries"] = entries.into();
    json["summary"]["archive_bytes"] = archive.len().into();
    json["summary"]["archive_sha256"] = sum(&archive).into();
    File::create(folder.join("files.tar.zst")).unwrap().write_all(&archive).unwrap();
    forge(place, &folder, &json);
}

fn file(content: &[u8]) -> Value {
    json!({ "file": { "size": content.len(), "sha256": sum(content) } })
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_refused_however_well_they_are_proven() {
    let evil: &[u8] = b"evil";
    let folder = || json!("folder");
    for tail in ["/../outside/x", "/./x", "//x", "/folder/../../outside/x", "/x/"] {
        let (place, id) = saved().await;
        let live = place.live().to_str().unwrap().to_owned();
        let path = format!("{live}{tail}");
        planted(&place, &id, &[(&live, folder(), b""), (&path, file(evil), evil)]);
        is_refused(&place, &id, "which leads elsewhere").await;
    }
    let (place, id) = saved().await;
    let live = place.live().to_str().unwrap().to_owned();
    for path in ["/etc/passwd", "/", &format!("{}/outside/x", place.root().display())] {
        planted(&place, &id, &[(&live, folder(), b""), (path, file(evil), evil)]);
        is_refused(&place, &id, "manifest.json has the path").await;
    }
    planted(&place, &id, &[(&live, folder(), b""), ("etc/passwd", file(evil), evil)]);
    is_refused(&place, &id, "which leads elsewhere").await;
}

#[tokio::test]
async fn nothing_is_written_through_a_link_of_the_archive() {
    let (place, id) = saved().await;
    let evil: &[u8] = b"evil";
    let live = place.live().to_str().unwrap().to_owned();
    let outside = place.root().join("outside");
    let link = json!({ "link": { "target": outside.to_str().unwrap() } });
    let [escape, through] = ["escape", "escape/x"].map(|name| format!("{live}/{name}"));
    let members = [(live.as_str(), json!("folder"), &b""[..]), (&escape, link, b"")];
    planted(&place, &id, &[&members[..], &[(&through, file(evil), evil)]].concat());
    is_refused(&place, &id, "which is not in its paths").await;
    assert!(!outside.join("x").exists());
    // The same name first as a link, then as a folder that is filled.
    let twice = [(escape.as_str(), json!("folder"), &b""[..]), (&through, file(evil), evil)];
    planted(&place, &id, &[&members[..], &twice[..]].concat());
    let before = strip(tree(&place.root()));
    let said = place.try_to_restore(&id, 2).await.failure();
    assert!(said.contains("File exists"), "{said}");
    assert_eq!(strip(tree(&place.root())), before);
}

#[tokio::test]
async fn paths_of_a_forged_summary_open_no_door() {
    let (place, id) = saved().await;
    let folder = place.folder_of(&id);
    let mut json = manifest(&folder);
    let outside: PathBuf = place.root().join("outside");
    json["summary"]["paths"].as_array_mut().unwrap().push(outside.to_str().unwrap().into());
    forge(&place, &folder, &json);
    is_refused(&place, &id, "which is not saved here any more").await;
}
