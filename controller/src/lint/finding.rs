//! What can be found: one code for each mistake, with its weight, its reason and its fix. Codes are
//! written into files that allow them; they never change their meaning.

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Something does not work: a verdict that never comes, or that may be wrong.
    Error,
    /// It works until the day it is needed.
    Warning,
    /// Worth knowing.
    Note,
}

/// A mistake at its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) code: Code,
    pub(crate) severity: Severity,
    /// From the repository's root.
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) message: String,
    pub(crate) why: &'static str,
    pub(crate) fix: &'static str,
}

impl Finding {
    /// A mistake in `file`.
    pub(crate) fn new(code: Code, file: &str, line: usize, message: impl Into<String>) -> Self {
        let (file, message) = (file.to_owned(), message.into());
        let (severity, why, fix) = (code.severity(), code.why(), code.fix());
        Self { code, severity, file, line, message, why, fix }
    }
}

struct Rule {
    id: &'static str,
    severity: Severity,
    why: &'static str,
    fix: &'static str,
}

/// One line of the table below for each mistake.
macro_rules! codes {
    ($($name:ident $id:literal $severity:ident $why:literal $fix:literal)*) => {
        /// Which mistake it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Code { $($name),* }

        impl Code {
            /// All of them, in the order of their numbers.
            pub(crate) const ALL: &[Self] = &[$(Self::$name),*];

            fn rule(self) -> &'static Rule {
                match self {
                    $(Self::$name => const {
                        &Rule { id: $id, severity: Severity::$severity, why: $why, fix: $fix }
                    }),*
                }
            }
        }
    };
}

codes! {
    BadSettings "RC001" Error
        "every command refuses a ripcord.toml with a mistake in it"
        "correct the line; `ripcord check --list` reads the file the same way"
    UnreachableEnvironment "RC002" Warning
        "without its address, results name no link and nobody can look at it without the agent"
        "write `url = \"https://…/\"` into the environment's table"
    UncheckedContent "RC003" Note
        "an error page of a proxy answers with 200 too"
        "write `contains = \"…\"`: a text that only the application's own page has"
    Unreadable "RC004" Error
        "what cannot be read cannot be judged, and GitHub or compose will not take it either"
        "correct the file"
    NoSuchWorkflow "RC010" Error
        "the agent waits for a workflow that never runs: nothing is validated, and the deadline rolls it back"
        "name the workflow's file, such as ci.yml, in verify.workflows of the agent's configuration; a display name is no file"
    UnknownWorkflow "RC011" Warning
        "it runs on the pushes that are deployed, and when it fails nothing is rolled back"
        "add its file to verify.workflows of the agent's configuration, or allow it here when its result does not matter"
    NoRunOnPush "RC012" Error
        "a deployed commit gets no run and so no verdict: it stays live without being validated"
        "let CI run on every push of the branch: `on: push: branches: [main]`"
    PathFilter "RC013" Error
        "a push that touches none of these paths gets no run: its commit never gets a verdict"
        "remove `paths` and `paths-ignore` from the push trigger; skip work inside a job instead"
    CancelledVerdict "RC014" Error
        "the next push cancels the run, and a cancelled run is no verdict: what is live is rolled back after a minute, unless it was superseded"
        "cancel runs of pull requests only: `cancel-in-progress: ${{ github.event_name == 'pull_request' }}`, and put `github.sha` into the group"
    IgnoredFailure "RC015" Warning
        "GitHub calls the run green although this job failed, and so the agent validates the commit"
        "remove `continue-on-error`, or allow it here when the job is not part of the verdict"
    SkippedCi "RC016" Note
        "a commit with this mark gets no run of CI: when it is deployed it stays live without being validated"
        "push such commits to another branch, or leave the mark out"
    WaitsAndDeploys "RC020" Warning
        "the deployment waits for CI although the agent rolls back by itself when CI is red: minutes instead of seconds"
        "let it run on push beside CI: `on: push: branches: [main]`. For a gate, set verify.when = \"before\" on the agent"
    NoConcurrency "RC021" Warning
        "two runs at a time wait for the same environment, and the older one reports the newer one's deployment"
        "add `concurrency: { group: deploy-preprod, cancel-in-progress: false }`"
    CancelledDeployment "RC022" Warning
        "the deployment goes on without the run, and nobody is told in GitHub how it ended"
        "set `cancel-in-progress: false` where it deploys"
    ForeignCheckout "RC030" Error
        "pull_request_target runs with the repository's secrets: code of a stranger's pull request could take them"
        "use `pull_request`, or do not check the pull request's code out"
    UnpinnedAction "RC031" Warning
        "a tag or a branch can be moved: whoever moves it deploys with your certificate"
        "pin the action to a full commit id: `uses: owner/ripcord/controller/action@<40 hex>`"
    SecretInScript "RC032" Error
        "GitHub pastes the secret into the script: it is in a file on the runner and in lists of processes, and its characters become code"
        "hand it over by `env:`, and write \"$NAME\" in the script"
    TextInScript "RC033" Error
        "GitHub pastes what others wrote into the script: a title or a message can run commands"
        "hand it over by `env:`, and write \"$NAME\" in the script"
    InstallsAtStart "RC040" Warning
        "every restart downloads again: a minute of downtime, another result each day, and no rollback while the registry is down"
        "install in an image (`build:`); until then set health.grace = \"90s\" on the agent"
    DeafShell "RC041" Warning
        "the shell is process 1 and hands no signal on: each stop kills the application hard, and compose and `docker stop` wait 10 s for nothing first"
        "write `exec` before the last command, and `init: true` into the service"
    NoRestart "RC042" Warning
        "after a crash or a reboot of the machine the application stays down"
        "write `restart: always` into the service"
    SharedMount "RC043" Warning
        "two environments write the same files: what preprod gets, prod runs too, validated or not"
        "give each environment a folder of its own, or mount it read-only (`:ro`) in both"
    SharedProject "RC044" Warning
        "compose takes the folder's name for both: they share a network, and one's `down` or `--remove-orphans` ends the other's"
        "write another `name:` at the top of each file"
    MovingImage "RC045" Warning
        "the same commit runs another image tomorrow, and a rollback does not bring the old one back"
        "name a version: `image: name:1.2.3`, best with its digest"
    PortClash "RC046" Error
        "only one of them can listen: the other does not start"
        "publish another port in one of them"
}

impl Code {
    /// As people write it: `RC012`.
    pub(crate) fn id(self) -> &'static str {
        self.rule().id
    }

    /// How bad it is.
    pub(crate) fn severity(self) -> Severity {
        self.rule().severity
    }

    /// What may happen.
    pub(crate) fn why(self) -> &'static str {
        self.rule().why
    }

    /// What to do.
    pub(crate) fn fix(self) -> &'static str {
        self.rule().fix
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_mistakes_share_a_code() {
        let ids: Vec<&str> = Code::ALL.iter().map(|code| code.id()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    }
}
