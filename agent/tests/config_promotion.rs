//! What a configuration says of promotions and backups is possible, or refused with its line.

#![allow(missing_docs, clippy::unwrap_used)]

use std::path::Path;

mod support {
    pub mod small_config;
}

use support::small_config::{SMALL, parse, refused, refused_with};

/// `SMALL`, and `prod`, whose files a command brings from `lab`.
fn promoted(more: &str) -> String {
    format!(
        "{SMALL}[environments.prod]\npromotes = \"lab\"\nurl = \"http://127.0.0.1/\"\n\
         promote = {{ run = [\"./promote\"] }}\n\
         runtime = {{ kind = \"compose\", file = \"/srv/compose.yml\" }}\n{more}"
    )
}

#[test]
fn an_environment_that_is_promoted_into_saves_first_and_bakes_as_it_is_told() {
    let more = "backup = { paths = [\"/srv/prod\"], dir = \"/srv/backups\" }\n\
                health = { bake = \"5m\" }";
    let config = parse(&promoted(more)).unwrap();
    let prod = &config.environments[&"prod".parse().unwrap()];
    assert_eq!((prod.policy().backs_up, prod.policy().bake_ms), (true, 300_000));
    assert_eq!(prod.own_folder(), Some(Path::new("/srv/prod")));
    assert_eq!(prod.backup.as_ref().unwrap().keep, 10);
    let plain = parse(SMALL).unwrap().environments[&"lab".parse().unwrap()].policy();
    assert_eq!((plain.backs_up, plain.bake_ms), (false, 0));
}

#[test]
fn promotions_that_could_never_come_to_anything_are_refused_with_their_lines() {
    let chain = |promotes: &str, more: &str| {
        promoted(&format!(
            "[environments.far]\npromotes = \"{promotes}\"\nurl = \"http://127.0.0.1/\"\n\
             runtime = {{ kind = \"compose\", file = \"/srv/compose.yml\" }}\n{more}"
        ))
    };
    assert!(parse(&chain("prod", "repository = \"/srv/far\"")).is_ok(), "chains are fine");
    let circle = SMALL.replace("url =", "promotes = \"far\"\nurl =");
    let circle = chain("prod", "repository = \"/srv/far\"").replace(SMALL, &circle);
    let cases = [
        parse(&circle).unwrap_err(),
        parse(&chain("prod", "promote = { run = [\"./promote\"] }")).unwrap_err(),
        parse(&promoted("hooks = { pre_restart = [[\"./migrate\"]] }")).unwrap_err(),
        parse(&promoted("").replace("\"./promote\"]", "\"./promote\"], timeout = \"31m\""))
            .unwrap_err(),
        refused_with("url = ", "promotes = \"lab\"\nurl = "),
        refused(
            "[environments.prod]\npromotes = \"lab\"\nurl = \"http://x/\"\n\
                 promote = { run = [\"x\"] }\nruntime = { kind = \"process\", run = [\"x\"] }",
        ),
    ];
    insta::assert_snapshot!(cases.join("\n"));
}

#[test]
fn a_prod_that_lies_among_the_files_of_preprods_repository_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let clone = folder.path().join("clone");
    let repository = git2::Repository::init(&clone).unwrap();
    repository.remote("origin", "/srv/origin.git").unwrap();
    for place in ["prod/page", "untracked/page"] {
        std::fs::create_dir_all(clone.join(place).parent().unwrap()).unwrap();
        std::fs::write(clone.join(place), "x").unwrap();
    }
    let mut index = repository.index().unwrap();
    index.add_path(Path::new("prod/page")).unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let ann = git2::Signature::now("Ann", "ann@example.org").unwrap();
    repository.commit(Some("HEAD"), &ann, &ann, "first", &tree, &[]).unwrap();
    let about = |place: &str| {
        let paths = clone.join(place).display().to_string();
        let backup = format!("backup = {{ paths = [\"{paths}\"], dir = \"/srv/backups\" }}");
        let text = promoted(&backup).replace("/srv/lab", &clone.display().to_string());
        let problems = ripcord_agent::assembly::check(&parse(&text).unwrap());
        let problems = problems.iter().map(ToString::to_string);
        problems.filter(|problem| problem.contains("tracked by the repository of lab")).count()
    };
    assert_eq!((about("prod"), about("untracked"), about("elsewhere")), (1, 0, 0));
}

#[test]
fn backups_that_would_eat_themselves_or_another_are_refused_with_their_lines() {
    let backup = |paths: &str, dir: &str| {
        refused(&format!("[environments.lab.backup]\npaths = {paths}\ndir = \"{dir}\""))
    };
    let cases = [
        backup("[]", "/b"),
        backup("[\"/srv/a\", \"/srv/a/b\", \"/srv/a\"]", "/b"),
        backup("[\"/srv/a\"]", "/srv/a/backups"),
        backup("[\"/b/a\"]", "/b"),
        backup("[\"/srv/../etc\"]", "/b/../c"),
        backup("[\"/var/lib\"]", "/b"),
        backup("[\"/srv/a\"]", "/b\"\nkeep = 0 #"),
    ];
    insta::assert_snapshot!(cases.join("\n"));
}
