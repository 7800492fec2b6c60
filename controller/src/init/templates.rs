//! The files, made from templates and a few choices. Pure: it looks at nothing itself.

use clap::ValueEnum;

use super::mark::marked;

/// Full commit ids, because a tag can be moved to other code.
const PINS: [(&str, &str); 3] = [
    ("CHECKOUT", "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"),
    ("UPLOAD", "actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1"),
    ("SETUP_UV", "astral-sh/setup-uv@c18668ad3cf93ea998bef934396af7bb5c839dc7 # v10.2.0"),
];

/// The file that belongs to the application from the first moment on.
pub(super) const SETTINGS: &str = "ripcord.toml";

/// Where the workflows that speak to the agent run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Runner {
    /// A runner of your own, which has ripcord on its PATH
    SelfHosted,
    /// GitHub's machines; they must be able to reach the agent
    Hosted,
}

/// What the files depend on.
#[derive(Debug)]
pub(crate) struct Choices {
    pub(crate) github: bool,
    /// The checks of a Python project instead of one to fill in.
    pub(crate) python: bool,
    pub(crate) runner: Runner,
    /// The agent's URL, where it is known.
    pub(crate) agent: Option<String>,
    /// The branch that is deployed.
    pub(crate) branch: String,
    /// The top-level folders of the repository.
    pub(crate) folders: Vec<String>,
}

impl Choices {
    fn has(&self, folder: &str) -> bool {
        self.folders.iter().any(|name| name == folder)
    }
}

/// Every file with its path and its text.
pub(super) fn files(choices: &Choices) -> Vec<(&'static str, String)> {
    let mut files = vec![(SETTINGS, settings(choices))];
    if choices.github {
        let action = [
            (".github/actions/ripcord/action.yml", include_str!("../../action/action.yml")),
            (".github/actions/ripcord/install.sh", include_str!("../../action/install.sh")),
            (".github/actions/ripcord/ripcord.sh", include_str!("../../action/ripcord.sh")),
        ];
        files.extend(action.map(|(path, text)| (path, marked(text))));
        let workflows = [
            (".github/workflows/ci.yml", include_str!("../../templates/ci.yml")),
            (".github/workflows/cd-preprod.yml", include_str!("../../templates/cd-preprod.yml")),
            (".github/workflows/cd-prod.yml", include_str!("../../templates/cd-prod.yml")),
            (
                ".github/workflows/health-check.yml",
                include_str!("../../templates/health-check.yml"),
            ),
        ];
        files.extend(workflows.map(|(path, text)| (path, marked(&workflow(choices, text)))));
    }
    files
}

fn workflow(choices: &Choices, template: &str) -> String {
    let release = format!("\"{}\"", env!("CARGO_PKG_VERSION"));
    let (runner, version, releases) = match choices.runner {
        Runner::SelfHosted => ("[self-hosted, Linux, X64]", "local", ""),
        Runner::Hosted => {
            ("ubuntu-24.04", release.as_str(), include_str!("../../templates/releases.yml"))
        }
    };
    let (python, coverage) = if choices.python {
        (
            include_str!("../../templates/ci-python.yml"),
            include_str!("../../templates/ci-coverage.yml"),
        )
    } else {
        ("", "")
    };
    let folder = if choices.has("10_preprod") { "10_preprod/" } else { "" };
    // Quoted as JSON is quoted, which YAML reads too: a branch may be called `on` or `a, b`.
    let branch = serde_json::Value::from(choices.branch.as_str()).to_string();
    let mut places = vec![
        ("PYTHON", python),
        ("COVERAGE\n", coverage),
        ("ACCESS\n", include_str!("../../templates/access.yml")),
        ("DIR", folder),
        ("BRANCH", &branch),
        ("RUNNER", runner),
        ("RELEASES\n", releases),
        ("VERSION", version),
        ("RELEASE", &release),
    ];
    places.extend(PINS);
    filled(template, &places)
}

fn settings(choices: &Choices) -> String {
    let agent = match &choices.agent {
        Some(url) => format!("agent               = {}", toml::Value::from(url.as_str())),
        None => "# agent            = \"https://vm.example:7443\"".to_owned(),
    };
    let mut text = filled(include_str!("../../templates/ripcord.toml"), &[("AGENT", &agent)]);
    if !choices.python {
        return text + include_str!("../../templates/checks.toml");
    }
    let folders = [("preprod", "10_preprod"), ("prod", "20_prod")];
    for (group, folder) in folders {
        let has_folder = choices.has(folder);
        if group == "preprod" || has_folder {
            let dir = if has_folder { format!("dir   = \"{folder}\"\n") } else { String::new() };
            let places = [("GROUP", group), ("DIR", dir.as_str())];
            text += &filled(include_str!("../../templates/checks-python.toml"), &places);
        }
        if group == "preprod" && choices.has("50_test") {
            let places = [("GROUP", group)];
            text += &filled(include_str!("../../templates/checks-infrastructure.toml"), &places);
        }
    }
    text
}

/// Puts a value at each `@NAME@`; a name that ends with a line end stands for its whole line.
fn filled(template: &str, places: &[(&str, &str)]) -> String {
    places.iter().fold(template.to_owned(), |text, (name, value)| match name.strip_suffix('\n') {
        Some(line) => text.replace(&format!("@{line}@\n"), value),
        None => text.replace(&format!("@{name}@"), value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_every_template_is_filled_for_every_choice() {
        for python in [false, true] {
            for runner in [Runner::SelfHosted, Runner::Hosted] {
                let choices = Choices {
                    github: true,
                    python,
                    runner,
                    agent: None,
                    branch: "main".to_owned(),
                    folders: vec![
                        "10_preprod".to_owned(),
                        "20_prod".to_owned(),
                        "50_test".to_owned(),
                    ],
                };
                for (path, text) in files(&choices) {
                    let left = text.split('@').skip(1).find(|word| {
                        !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase() || c == '_')
                    });
                    assert_eq!(left, None, "{path}");
                }
            }
        }
    }
}
