//! An agent that dies in the middle: no file is missing or half at any instant, and the same restore,
//! done again, ends exact and loses nothing.

use std::{collections::BTreeSet, fs, path::Path};

use crate::support::{Is, Place, Tree, hidden, names, tree};

/// Old files, a backup of them, and newer ones in their place.
async fn changed() -> (Place, ripcord_core::BackupId, Tree, Tree) {
    let mut place = Place::new();
    place.settings.paths.push(place.root().join("settings.toml"));
    place.settings.paths.push(place.root().join("later"));
    place.write("app/main.py", "old");
    place.write("app/same", "same");
    place.write("gone/since", "old");
    place.write("readme", "old");
    fs::write(place.root().join("settings.toml"), "old").unwrap();
    let old = paths_of(&place);
    let made = place.make(1).await;
    place.write("app/main.py", "new");
    fs::remove_dir_all(place.live().join("gone")).unwrap();
    place.write("readme", "new");
    place.write("came/since", "new");
    fs::write(place.root().join("settings.toml"), "new").unwrap();
    fs::create_dir(place.root().join("later")).unwrap();
    fs::write(place.root().join("later/file"), "new").unwrap();
    let new = paths_of(&place);
    (place, made.id, old, new)
}

fn paths_of(place: &Place) -> Tree {
    let mut all = Tree::new();
    for path in &place.settings.paths {
        for (name, thing) in tree(path) {
            all.insert(path.join(name), thing);
        }
    }
    all
}

fn contents(tree: &Tree) -> BTreeSet<Vec<u8>> {
    let content = |is: &Is| if let Is::File(content) = is { Some(content.clone()) } else { None };
    tree.values().filter_map(|thing| content(&thing.is)).collect()
}

/// What both have is there, and each file is the old or the new one, whole.
fn nothing_is_missing_or_half(place: &Place, old: &Tree, new: &Tree) {
    let now = paths_of(place);
    for path in old.keys().filter(|path| new.contains_key(*path)) {
        assert!(now.contains_key(path), "{} is missing", path.display());
    }
    for (path, thing) in &now {
        let is = |tree: &Tree| tree.get(path).is_some_and(|there| there.is == thing.is);
        assert!(is(old) || is(new), "{} is neither old nor new", path.display());
    }
}

fn all_that_is_kept(place: &Place) -> BTreeSet<Vec<u8>> {
    let kept = names(&place.root());
    let kept = kept.iter().filter(|name| name.contains(".replaced-"));
    kept.flat_map(|name| contents(&tree(&place.root().join(name)))).collect()
}

#[tokio::test]
async fn a_restore_that_dies_after_any_step_is_ended_by_the_next_one_and_loses_nothing() {
    for again in [2, 3] {
        let mut steps = 0;
        loop {
            let (place, id, old, new) = changed().await;
            let mut restoration = place.begin(&id, 2);
            nothing_is_missing_or_half(&place, &old, &new);
            let mut is_done = false;
            for _ in 0..steps {
                is_done = !restoration.step().unwrap();
                nothing_is_missing_or_half(&place, &old, &new);
            }
            drop(restoration);
            let before_again = all_that_is_kept(&place);
            let report = place.restore(&id, again).await;
            assert_eq!(paths_of(&place), old, "{steps} steps");
            if again == 2 {
                assert!(report.saved_to.unwrap().contains(".live.replaced-2"));
                let kept = all_that_is_kept(&place);
                assert!(kept.is_superset(&contents(&new)), "{steps} steps: {kept:?}");
                assert!(kept.is_superset(&before_again));
            }
            let left: Vec<_> = place.beside();
            let left = hidden(&left).into_iter().filter(|name| !name.contains(".replaced-"));
            assert_eq!(left.count(), 0, "{:?}", place.beside());
            if is_done {
                break;
            }
            steps += 1;
        }
        assert!(steps > 8, "there was something to do: {steps}");
    }
}

#[tokio::test]
async fn what_was_there_first_is_where_the_report_says_also_after_a_crash_between_any_two_steps() {
    for steps in 0..12 {
        let (place, id, ..) = changed().await;
        let mut restoration = place.begin(&id, 2);
        for _ in 0..steps {
            restoration.step().unwrap();
        }
        drop(restoration);
        place.restore(&id, 2).await;
        let kept = place.root().join(".live.replaced-2");
        let is = |name: &str| fs::read_to_string(kept.join(name)).unwrap();
        assert_eq!(
            (is("app/main.py"), is("readme"), is("came/since")),
            ("new".into(), "new".into(), "new".into())
        );
        let settings = place.root().join(".settings.toml.replaced-2/settings.toml");
        assert_eq!(fs::read_to_string(settings).unwrap(), "new");
    }
}

#[tokio::test]
async fn what_the_application_writes_between_a_crash_and_the_next_try_is_kept_too() {
    let (place, id, old, _) = changed().await;
    let mut restoration = place.begin(&id, 2);
    while restoration.step().unwrap() {}
    drop(restoration);
    place.write("app/upload", "came in between");
    place.restore(&id, 2).await;
    assert_eq!(paths_of(&place), old);
    let second = place.root().join(".live.replaced-2.2/app/upload");
    assert_eq!(fs::read_to_string(second).unwrap(), "came in between");
}

#[tokio::test]
async fn files_that_were_being_unpacked_when_it_died_are_removed() {
    let (place, id, old, _) = changed().await;
    let half = place.root().join(".live.unpacking-2/files/live");
    fs::create_dir_all(&half).unwrap();
    fs::write(half.join("half"), "hal").unwrap();
    place.restore(&id, 2).await;
    assert_eq!(paths_of(&place), old);
    assert!(!Path::new(&half).exists());
}

#[tokio::test]
async fn entries_that_come_and_go_while_it_restores_are_no_obstacle() {
    let (place, id, old, _) = changed().await;
    let mut restoration = place.begin(&id, 2);
    fs::remove_file(place.live().join("readme")).unwrap();
    fs::create_dir_all(place.live().join("gone/again")).unwrap();
    fs::remove_dir_all(place.live().join("came")).unwrap();
    while restoration.step().unwrap() {}
    restoration.finish().unwrap();
    let contents = |tree: &Tree| -> Vec<_> {
        tree.iter().map(|(path, thing)| (path.clone(), thing.is.clone())).collect()
    };
    assert_eq!(contents(&paths_of(&place)), contents(&old));
}
