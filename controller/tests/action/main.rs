//! The composite action and the workflows that `ripcord init` writes, run step by step against a real
//! agent in a temporary folder, as a runner of GitHub's would run them.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod hostile;
mod releases;
mod runner;
mod site;
mod workflows;

use runner::{Step, Texts};
use site::Site;

/// Where `init` puts the action.
pub const ACTION: &str = ".github/actions/ripcord";

impl Site {
    /// With everything that `ripcord init` writes in its repository.
    fn initialized() -> Self {
        let site = Self::new();
        site.ripcord(&["init", "--github", "--yes"], "work");
        site
    }

    /// Runs the action with these inputs besides those that every workflow gives.
    fn action(&self, sha: &str, inputs: &[(&str, &str)]) -> Step {
        let runner = self.runner(sha);
        let context = |name: &str| runner.contexts[name].clone();
        let mut given: Texts = [
            ("agent", context("vars.RIPCORD_AGENT")),
            ("ca", context("secrets.RIPCORD_CA")),
            ("cert", context("secrets.RIPCORD_CERT")),
            ("key", context("secrets.RIPCORD_KEY")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        given.extend(inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        runner.action("ripcord", &runner.workspace.join(ACTION), &given, &Texts::new())
    }
}

impl Step {
    /// The lines that the runner obeys: what is fenced says nothing to it.
    fn commands(&self) -> Vec<&str> {
        let (mut heard, mut fence) = (Vec::new(), None);
        for line in self.log.lines() {
            match fence {
                Some(token)
                    if line.strip_prefix("::").and_then(|rest| rest.strip_suffix("::"))
                        == Some(token) =>
                {
                    fence = None;
                }
                Some(_) => {}
                None => {
                    fence = line.strip_prefix("::stop-commands::");
                    if line.trim_start().starts_with("::") || line.contains("##[") {
                        heard.push(line);
                    }
                }
            }
        }
        heard
    }

    #[track_caller]
    fn assert_one_error(&self) {
        let errors =
            self.commands().into_iter().filter(|line| line.starts_with("::error ")).count();
        assert_eq!(errors, 1, "{}", self.log);
    }
}
