//! What the lint wants of the agent's configuration, read loosely: whether it is right is said by
//! `ripcord-agent check-config`.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    files::Source,
    finding::{Code, Finding},
    line_of,
};

/// The environments that the lint is about.
#[derive(Debug, Default)]
pub(crate) struct Agent {
    pub(crate) environments: Vec<Environment>,
}

/// `[environments.NAME]`.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    /// Whose pushes CI has to judge; none when other events start it.
    pub(crate) branch: Option<String>,
    /// The files that GitHub's verdict comes from, with their lines.
    pub(crate) workflows: Vec<(String, usize)>,
    pub(crate) compose: Option<Compose>,
}

/// The compose file of an environment.
#[derive(Debug)]
pub(crate) struct Compose {
    /// On the agent's machine.
    pub(crate) file: String,
    pub(crate) project: Option<String>,
}

impl Agent {
    /// Reads it; what is no TOML is a finding.
    pub(crate) fn read(source: &Source, findings: &mut Vec<Finding>) -> Option<Self> {
        let mut unreadable = |line: usize, message: &str| {
            findings.push(Finding::new(Code::Unreadable, &source.path, line, message));
        };
        let text = match &source.text {
            Ok(text) => text,
            Err(message) => {
                unreadable(1, message);
                return None;
            }
        };
        match DeTable::parse(text) {
            Ok(table) => Some(Self { environments: environments(table.get_ref(), text) }),
            Err(error) => {
                let line = error.span().map_or(1, |span| line_of(text, span.start));
                unreadable(line, error.message());
                None
            }
        }
    }

    /// Whether verdicts come from GitHub.
    pub(crate) fn asks_github(&self) -> bool {
        self.environments.iter().any(|one| !one.workflows.is_empty())
    }

    /// The workflow files that somebody waits for.
    pub(crate) fn workflows(&self) -> impl Iterator<Item = &str> {
        let environments = self.environments.iter();
        environments.flat_map(|one| one.workflows.iter().map(|(file, _)| file.as_str()))
    }
}

fn environments(table: &DeTable<'_>, text: &str) -> Vec<Environment> {
    let tables = table.get("environments").and_then(|tables| tables.get_ref().as_table());
    let tables = tables.into_iter().flat_map(DeTable::iter);
    tables.filter_map(|(_, table)| Some(environment(table.get_ref().as_table()?, text))).collect()
}

fn environment(table: &DeTable<'_>, text: &str) -> Environment {
    let inner = |key: &str| table.get(key).and_then(|inner| inner.get_ref().as_table());
    let compose = inner("runtime").filter(|runtime| string(runtime, "kind") == Some("compose"));
    let verify = inner("verify");
    // Without a source, commands win over workflows.
    let is_github = verify.is_some_and(|verify| match string(verify, "source") {
        _ if string(verify, "when") == Some("none") => false,
        Some(source) => source == "github",
        None => !verify.contains_key("run"),
    });
    let is_push =
        verify.is_none_or(|verify| matches!(string(verify, "event"), None | Some("push")));
    Environment {
        branch: is_push.then(|| string(table, "branch").unwrap_or("main").to_owned()),
        workflows: verify.filter(|_| is_github).map_or_else(Vec::new, |it| workflows(it, text)),
        compose: compose.and_then(|runtime| {
            let project = string(runtime, "project").map(str::to_owned);
            Some(Compose { file: string(runtime, "file")?.to_owned(), project })
        }),
    }
}

fn workflows(verify: &DeTable<'_>, text: &str) -> Vec<(String, usize)> {
    let list = verify.get("workflows").and_then(|list| list.get_ref().as_array());
    let files = list.into_iter().flat_map(|list| list.iter());
    let named = |file: &Spanned<DeValue<'_>>| {
        let name = file.get_ref().as_str()?.to_owned();
        Some((name, line_of(text, file.span().start)))
    };
    files.filter_map(named).collect()
}

fn string<'a>(table: &'a DeTable<'_>, key: &str) -> Option<&'a str> {
    table.get(key)?.get_ref().as_str()
}
