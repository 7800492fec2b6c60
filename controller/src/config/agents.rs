//! `[agents.NAME]`: several agents that one command can speak to, in the order of the file.

use std::path::PathBuf;

use ripcord_core::EnvironmentName;

use super::{
    document::{Document, Fault},
    similar,
};
use crate::target::{host_and_port, no_agents};

/// Stands for all of them where a name is asked for.
pub(crate) const ALL: &str = "all";

/// One of several agents. What it does not say itself is as for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedAgent {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) ca: Option<PathBuf>,
}

/// Takes the agents out of `document`, and judges them; `path` makes a path of what is written.
pub(crate) fn of(
    text: &str,
    document: &mut Document,
    path: impl Fn(Option<String>) -> Option<PathBuf>,
) -> Result<Vec<NamedAgent>, Fault> {
    let mut raw: Vec<_> = std::mem::take(&mut document.agents).into_iter().collect();
    raw.sort_by_key(|(name, _)| name.span().start);
    let mut agents = Vec::new();
    for (name, raw) in raw {
        let at = |offset, why: &dyn ToString| Fault::at(text, offset, why.to_string());
        judge(name.as_ref()).map_err(|why| at(name.span().start, &why))?;
        host_and_port(raw.url.as_ref()).map_err(|why| at(raw.url.span().start, &why))?;
        agents.push(NamedAgent {
            name: name.into_inner(),
            url: raw.url.into_inner(),
            cert: path(raw.cert),
            key: path(raw.key),
            ca: path(raw.ca),
        });
    }
    if let Some(default) = document.agent.as_ref().filter(|_| !agents.is_empty())
        && let Err(why) = find(&agents, default.as_ref())
    {
        return Err(Fault::at(text, default.span().start, why));
    }
    Ok(agents)
}

/// Names are written behind the `@` of `ENV@AGENT`, and look like those before it.
fn judge(name: &str) -> Result<(), String> {
    if name == ALL {
        return Err(format!("`{ALL}` stands for all agents: call this one otherwise"));
    }
    match name.parse::<EnvironmentName>() {
        Ok(_) => Ok(()),
        Err(_) => Err(format!(
            "{name:?} is no name of an agent: use 1 to 63 lower-case letters, digits, '-' or '_', \
             and begin with a letter or digit"
        )),
    }
}

/// Whether `agent` is an address, and no name.
pub(crate) fn is_url(agent: &str) -> bool {
    agent.contains("://")
}

/// Whether `word` is rather meant as an address than as a name.
fn is_like_address(word: &str) -> bool {
    word.contains(['.', ':', '/'])
}

/// The agent that a word means: nothing for an address or for all, an error for a name of nobody.
pub(crate) fn find<'a>(
    agents: &'a [NamedAgent],
    word: &str,
) -> Result<Option<&'a NamedAgent>, String> {
    if is_url(word) || word == ALL {
        return Ok(None);
    }
    if let Some(found) = agents.iter().find(|agent| agent.name == word) {
        return Ok(Some(found));
    }
    let judged = judge(word);
    if judged.is_err() && (agents.is_empty() || is_like_address(word)) {
        host_and_port(word).map_err(|failure| failure.to_string())?;
    }
    if agents.is_empty() {
        return Err(no_agents(word));
    }
    let why = judged.err().unwrap_or_else(|| format!("there is no agent {word:?} in [agents]"));
    let meant = similar(word, &names(agents)).map(|meant| format!("did you mean {meant}?"));
    Err(format!("{why}; {}", meant.unwrap_or_else(|| there_are(agents))))
}

/// Which names can be meant.
pub(crate) fn there_are(agents: &[NamedAgent]) -> String {
    match names(agents).as_slice() {
        [] => "there are none".to_owned(),
        names => format!("there are {}", names.join(", ")),
    }
}

fn names(agents: &[NamedAgent]) -> Vec<&str> {
    agents.iter().map(|agent| agent.name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::document;

    fn parsed(text: &str) -> Result<Vec<NamedAgent>, String> {
        let mut document = document::parse(text).expect("TOML");
        let agents = of(text, &mut document, |path| path.map(PathBuf::from));
        agents.map_err(|fault| fault.of(Path::new("r.toml")).to_string())
    }

    #[test]
    fn agents_keep_the_order_of_the_file_however_they_are_written() {
        let dotted = "[agents]\nparis.url = 'https://p'\nlyon.url = 'https://l'\nlyon.ca = 'l.pem'\n\
                      [agents.berlin]\nurl = 'https://b'";
        let inline = "agents = { paris = { url = 'https://p' }, lyon = { url = 'https://l' }, \
                      berlin = { url = 'https://b' } }";
        for text in [dotted, inline] {
            let agents = parsed(text).expect("valid");
            let names: Vec<&str> = agents.iter().map(|agent| agent.name.as_str()).collect();
            assert_eq!(names, ["paris", "lyon", "berlin"], "{text}");
        }
    }

    #[test]
    fn a_name_or_an_address_that_cannot_be_is_told_with_its_line() {
        for (text, told) in [
            ("[agents.Paris]\nurl = 'https://p'", "r.toml:1: \"Paris\" is no name of an agent: "),
            ("[agents.all]\nurl = 'https://p'", "r.toml:1: `all` stands for all agents"),
            (
                "\n[agents.paris]\nurl = 'http://p'",
                "r.toml:3: \"http://p\" is not an agent's URL: ",
            ),
            (
                "agent = 'pari'\n[agents.paris]\nurl = 'https://p'",
                "r.toml:1: there is no agent \"pari\" in [agents]; did you mean paris?",
            ),
        ] {
            let why = parsed(text).expect_err(text);
            assert!(why.starts_with(told), "{why}");
        }
    }
}
