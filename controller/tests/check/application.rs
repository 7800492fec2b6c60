//! A real Python application and the real tools of its checks, from PyPI, in a virtual environment
//! that is made once under `target/`.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use crate::project::{Project, Said, said};

/// What the checks run, in versions that these tests know.
const TOOLS: [&str; 6] = [
    "flake8==7.3.0",
    "black==25.1.0",
    "pydocstyle==6.3.0",
    "mypy==1.17.1",
    "pytest==8.4.1",
    "pytest-cov==6.2.1",
];

/// The tools' folder; none where they cannot be had.
fn tools() -> Option<&'static Path> {
    static TOOLS: OnceLock<Option<PathBuf>> = OnceLock::new();
    TOOLS.get_or_init(|| installed().inspect_err(|why| eprintln!("skipped: {why}")).ok()).as_deref()
}

fn installed() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("check-application");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let lock = fs::File::create(folder.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let (venv, ready) = (folder.join("venv"), folder.join("ready"));
    if fs::read_to_string(&ready).unwrap_or_default() != TOOLS.join(" ") {
        quietly(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        let mut pip = Command::new(venv.join("bin/pip"));
        quietly(pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(TOOLS))?;
        fs::write(&ready, TOOLS.join(" ")).map_err(|error| error.to_string())?;
    }
    Ok(venv.join("bin"))
}

/// Runs it; the reason why it failed is one line.
fn quietly(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let words = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " · ");
    if output.status.success() { Ok(()) } else { Err(format!("{program}: {words}")) }
}

/// The application, checked out for one test.
struct Application {
    project: Project,
    path: std::ffi::OsString,
}

impl Application {
    fn new() -> Option<Self> {
        let tools = tools()?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check/application");
        let project = Project::new("");
        copy(&source, project.folder.path());
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([tools.to_owned()].into_iter().chain(env::split_paths(&path)));
        Some(Self { project, path: path.unwrap() })
    }

    fn change(&self, file: &str, from: &str, to: &str) {
        let text = self.project.read(file);
        assert!(text.contains(from), "{file} has no {from:?}");
        self.project.write(file, &text.replace(from, to));
    }

    async fn check(&self, arguments: &[&str]) -> Said {
        let mut command = self.project.command(arguments);
        command.env("PATH", &self.path).env("PYTHONDONTWRITEBYTECODE", "1");
        said(command).await
    }
}

impl Application {
    /// The same as a step of a workflow: through the action's script. Answers the step's summary, too.
    async fn step(&self) -> (Said, String) {
        let action = Path::new(env!("CARGO_MANIFEST_DIR")).join("action/ripcord.sh");
        let program = Path::new(env!("CARGO_BIN_EXE_ripcord")).parent().unwrap().to_owned();
        let path = env::join_paths([program].into_iter().chain(env::split_paths(&self.path)));
        let mut step = tokio::process::Command::new("bash");
        step.arg(action).current_dir(self.project.folder.path()).env_clear();
        step.env("PATH", path.unwrap()).env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
        step.env("GITHUB_ACTIONS", "true");
        for name in ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"] {
            step.env(name, self.project.path(name));
        }
        for input in INPUTS {
            step.env(format!("INPUT_{input}"), "");
        }
        step.env("INPUT_COMMAND", "check").env("INPUT_VERSION", "local");
        let said = said(step).await;
        (said, self.project.read("GITHUB_STEP_SUMMARY"))
    }
}

/// What the action hands to its script.
const INPUTS: [&str; 12] = [
    "ENVIRONMENT",
    "SHA",
    "WAIT",
    "TIMEOUT",
    "CONFIRM",
    "REASON",
    "ARGS",
    "AGENT",
    "CA",
    "CERT",
    "KEY",
    "NOTIFY_URL",
];

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (source, name) = (entry.as_ref().unwrap().path(), entry.unwrap().file_name());
        if source.is_dir() {
            copy(&source, &to.join(name));
        } else {
            fs::copy(&source, to.join(name)).unwrap();
        }
    }
}

const PORTIONS: &str = "10_preprod/src/kitchen/portions.py";

fn outcomes(said: &Said) -> Vec<String> {
    said.outcomes().into_iter().map(|(_, outcome)| outcome).collect()
}

#[tokio::test]
async fn a_good_application_is_green_and_its_coverage_report_is_there() {
    let Some(application) = Application::new() else { return };
    let said = application.check(&["--json"]).await;
    assert_eq!(said.code, 0, "{}{}", said.stderr, said.stdout);
    assert_eq!(outcomes(&said), ["passed"; 6], "{}", said.stderr);
    let artifact = &said.json()["jobs"][4]["artifacts"][0];
    assert_eq!(
        (&artifact["path"], &artifact["exists"]),
        (&"10_preprod/htmlcov".into(), &true.into())
    );
}

#[tokio::test]
async fn bad_style_is_red_names_the_line_and_spares_the_tests() {
    let Some(application) = Application::new() else { return };
    application.change(
        PORTIONS,
        "\"\"\"How much of each ingredient.\"\"\"",
        "\"\"\"How much.\"\"\"\nimport os",
    );
    let said = application.check(&["--json"]).await;
    assert_eq!(said.code, 7);
    assert_eq!(outcomes(&said), ["failed", "failed", "passed", "passed", "skipped", "passed"]);
    let object = said.json();
    let first = &object["jobs"][0]["diagnostics"][0];
    assert_eq!((&first["file"], &first["line"]), (&PORTIONS.into(), &2.into()));
    assert_eq!(first["title"], "F401");
}

#[tokio::test]
async fn code_that_no_test_reaches_is_red_by_coverage() {
    let Some(application) = Application::new() else { return };
    let lines: String = (0..9).map(|n| format!("    print({n})\n")).collect();
    let text = application.project.read(PORTIONS);
    let more = format!("{text}\n\ndef forgotten() -> None:\n    \"\"\"Do much.\"\"\"\n{lines}");
    application.project.write(PORTIONS, &more);
    let said = application.check(&["--json"]).await;
    assert_eq!(said.code, 7);
    assert_eq!(outcomes(&said), ["passed", "passed", "passed", "passed", "failed", "passed"]);
    let diagnostics = &said.json()["jobs"][4]["diagnostics"];
    let message = diagnostics[0]["message"].as_str().unwrap();
    assert!(message.starts_with("Required test coverage of 90% not reached"), "{diagnostics}");
}

#[tokio::test]
async fn wrong_types_and_missing_docstrings_are_warnings_and_the_run_is_green() {
    let Some(application) = Application::new() else { return };
    application.change(
        PORTIONS,
        "    \"\"\"Scale a recipe for one to many.",
        "    \"\"\"scale a recipe for one to many",
    );
    application.change(PORTIONS, "eaters: int)", "eaters: str)");
    application.change(PORTIONS, "if eaters < 1", "if int(eaters) < 1");
    let said = application.check(&["--json"]).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(outcomes(&said), ["passed", "passed", "warning", "warning", "passed", "passed"]);
    let types = &said.json()["jobs"][3]["diagnostics"][0];
    assert_eq!((&types["severity"], &types["file"]), (&"warning".into(), &PORTIONS.into()));
}

#[tokio::test]
async fn a_fix_repairs_the_format_and_then_it_is_green() {
    let Some(application) = Application::new() else { return };
    application.change(PORTIONS, "\"somebody has to eat\"", "'somebody has to eat'");
    let red = application.check(&[]).await;
    assert_eq!(red.code, 7);
    assert!(
        red.stdout.contains("`ripcord check preprod --fix` repairs: Format (black)"),
        "{}",
        red.stdout
    );
    let fixed = application.check(&["--fix"]).await;
    assert_eq!(fixed.code, 0, "{}{}", fixed.stderr, fixed.stdout);
    assert!(application.project.read(PORTIONS).contains("\"somebody has to eat\""));
}

#[tokio::test]
async fn a_step_of_a_workflow_is_green_and_red_with_the_same_checks_and_its_page_says_why() {
    let Some(application) = Application::new() else { return };
    let (green, summary) = application.step().await;
    assert_eq!(green.code, 0, "{}{}", green.stderr, green.stdout);
    assert!(summary.contains("✅") && !summary.contains("❌"), "{summary}");

    application.change(PORTIONS, "\"\"\"How much of", "import os\n\"\"\"How much of");
    let (red, summary) = application.step().await;
    assert_eq!(red.code, 7, "{}{}", red.stderr, red.stdout);
    assert!(summary.contains("❌") && summary.contains("flake8"), "{summary}");
    let told = format!("{}{}", red.stdout, red.stderr);
    let errors = told.lines().filter(|line| line.starts_with("::error title=ripcord::"));
    assert_eq!(errors.count(), 1, "{told}");
    assert!(told.contains(&format!("::error file={PORTIONS},line=1")), "{told}");
}
