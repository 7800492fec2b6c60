//! The mistakes of one service of a compose file.

use super::super::{
    Document,
    finding::{Code, Finding},
    yaml::{Entry, Node},
};

/// What fetches packages.
const INSTALLERS: [&str; 14] = [
    "pip install",
    "pip3 install",
    "uv sync",
    "uv add",
    "poetry install",
    "apt-get",
    "apt install",
    "apk add",
    "dnf install",
    "yum install",
    "npm install",
    "npm ci",
    "yarn install",
    "pnpm install",
];
const SHELLS: [&str; 5] = ["sh", "bash", "dash", "ash", "zsh"];

/// Judges it.
pub(super) fn judge(file: &Document<'_>, service: &Entry, findings: &mut Vec<Finding>) {
    let name = &service.key;
    let mut find = |code, line, message| findings.push(file.found(code, line, message));
    for key in ["command", "entrypoint"] {
        let Some(entry) = service.value.entry(key) else { continue };
        let line = script(&entry.value);
        if let Some(installer) = INSTALLERS.iter().find(|installer| line.contains(**installer)) {
            let place = file.line_with(installer, entry.line);
            find(Code::InstallsAtStart, place, format!("{name} runs `{installer}` at each start"));
        }
        let has_init = service.value.get("init").is_some_and(Node::is_true);
        if !has_init && is_deaf(&line) {
            find(
                Code::DeafShell,
                entry.line,
                format!("{name} runs in a shell that hears no signal"),
            );
        }
    }
    if !restarts(&service.value) {
        find(Code::NoRestart, service.line, format!("{name} is not started again"));
    }
    if let Some(image) =
        service.value.entry("image").filter(|_| service.value.get("build").is_none())
    {
        let text = image.value.text().unwrap_or_default();
        if moves(text) {
            find(
                Code::MovingImage,
                image.line,
                format!("{name} runs {text}, whatever that is at the time"),
            );
        }
    }
}

/// A command as one line, however it is written.
fn script(command: &Node) -> String {
    let words: Vec<&str> = command.texts().flat_map(str::split_whitespace).collect();
    words.join(" ")
}

/// Whether it is a shell with a line that it does not replace itself by.
fn is_deaf(line: &str) -> bool {
    let mut words = line.split(' ');
    let program = words.next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    let is_line = |word: &str| word.starts_with('-') && word.ends_with('c');
    let runs_line = words.next().is_some_and(is_line) || words.next().is_some_and(is_line);
    let mut commands = line.split(['"', '\'', ';', '&', '|', ' ']);
    SHELLS.contains(&program) && runs_line && !commands.any(|word| word == "exec")
}

/// A service of a profile is started by people, and may end.
fn restarts(service: &Node) -> bool {
    let policy = service.text_of("restart").unwrap_or_default();
    let swarm = service.get("deploy").is_some_and(|deploy| deploy.get("restart_policy").is_some());
    ["always", "unless-stopped"].contains(&policy)
        || policy.contains("${")
        || swarm
        || service.get("profiles").is_some()
        || service.get("extends").is_some()
}

/// Whether a reference names no version. A variable may name one.
fn moves(image: &str) -> bool {
    if image.is_empty() || image.contains(['$', '@']) {
        return false;
    }
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_is_deaf_unless_the_last_command_takes_its_place() {
        assert!(is_deaf("bash -c pip install -e . && streamlit run app.py"));
        assert!(is_deaf("/bin/sh -ec \"python app.py\""));
        assert!(is_deaf("bash -e -c \"x; y\""));
        assert!(!is_deaf("bash -o pipefail"));
        assert!(!is_deaf("bash -c \"prepare && exec streamlit run app.py\""));
        assert!(!is_deaf("streamlit run app.py -c x"));
    }

    #[test]
    fn a_version_is_a_tag_or_a_digest() {
        for moving in ["python", "python:latest", "registry:5000/team/app"] {
            assert!(moves(moving), "{moving}");
        }
        for fixed in ["python:3.13.3", "app@sha256:00", "app:${TAG}", "registry:5000/app:1"] {
            assert!(!moves(fixed), "{fixed}");
        }
    }
}
