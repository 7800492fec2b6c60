//! Random trees come back as they were, whatever became of them meanwhile.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use proptest::{collection::vec, prelude::*};

use crate::support::{Place, chmod, raw, tree};

#[derive(Debug, Clone)]
enum Piece {
    Folder(u32),
    File(Vec<u8>, u32),
    Link(Vec<u8>),
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("no slash, no NUL", |byte| ![0, b'/'].contains(byte));
    let odd = vec(byte, 1..40).prop_filter("a name", |name| name != b"." && name != b"..");
    // Few names, so that paths meet; and odd ones.
    prop_oneof![3 => "[a-d]".prop_map(String::into_bytes), 1 => odd]
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        (0_u32..0o1000).prop_map(|mode| Piece::Folder(mode | 0o700)),
        (vec(any::<u8>(), 0..3000), 0_u32..0o10000)
            .prop_map(|(text, mode)| Piece::File(text, mode)),
        vec(1_u8..=255, 1..130).prop_map(Piece::Link),
    ]
}

type Plan = Vec<(Vec<Vec<u8>>, Piece)>;

fn plan() -> impl Strategy<Value = Plan> {
    vec((vec(name(), 1..5), piece()), 0..25)
}

/// Makes what can be made: a path through a file or a link is left out.
fn make(root: &Path, plan: &Plan) {
    for (names, piece) in plan {
        let path = names.iter().fold(root.to_owned(), |path, name| path.join(raw(name)));
        let parents: Vec<PathBuf> =
            path.ancestors().skip(1).take(names.len() - 1).map(Path::to_owned).collect();
        let blocked = |path: &PathBuf| path.symlink_metadata().is_ok_and(|there| !there.is_dir());
        if parents.iter().any(blocked) || path.symlink_metadata().is_ok() {
            continue;
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match piece {
            Piece::Folder(mode) => {
                fs::create_dir(&path).unwrap();
                chmod(&path, *mode);
            }
            Piece::File(text, mode) => {
                fs::write(&path, text).unwrap();
                chmod(
                    &path,
                    if rustix::process::getuid().is_root() { *mode } else { mode | 0o400 },
                );
            }
            Piece::Link(target) => symlink(raw(target), &path).unwrap(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_comes_back_over_any_other(old in plan(), new in plan(), stops_after in 0_usize..40) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let place = Place::new();
            make(&place.live(), &old);
            let before = tree(&place.live());
            let made = place.make(1).await;
            fs::remove_dir_all(place.live()).unwrap();
            fs::create_dir(place.live()).unwrap();
            make(&place.live(), &new);
            let mut restoration = place.begin(&made.id, 2);
            for _ in 0..stops_after {
                restoration.step().unwrap();
            }
            drop(restoration);
            place.restore(&made.id, 2).await;
            assert_eq!(tree(&place.live()), before);
        });
    }
}
