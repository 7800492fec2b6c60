//! What is configured, and where each value comes from.

use std::path::PathBuf;

use super::Hop;
use crate::{
    config::{
        self, Settings,
        agents::{self, NamedAgent},
    },
    credential::Credential,
    exit::Exit,
    target::{Sources, host_and_port},
};

/// What the configuration says, as far as it says anything.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(super) address: Option<(String, u16)>,
    pub(super) cert: Option<From<Credential>>,
    pub(super) key: Option<From<Credential>>,
    pub(super) ca: Option<From<Credential>>,
}

/// A value, and where it was found, such as `RIPCORD_CERT`.
#[derive(Debug, Clone)]
pub(super) struct From<T> {
    pub(super) value: T,
    pub(super) origin: String,
}

/// What was read, and what it says.
pub(crate) struct Configuration {
    pub(super) hops: Vec<Hop>,
    pub(super) known: Known,
}

/// One place that may name values.
struct Layer {
    /// `None`: flags and variables, of which each value has its own.
    file: Option<PathBuf>,
    settings: Settings,
}

impl Layer {
    fn origin(&self, name: &str) -> String {
        let variable = format!("RIPCORD_{}", name.to_uppercase());
        match &self.file {
            Some(file) => file.display().to_string(),
            None if was_typed(name) => format!("--{name}"),
            None => variable,
        }
    }
}

/// Whether the command line itself has the flag: what it does not have comes from the variable.
fn was_typed(name: &str) -> bool {
    let (flag, with_value) = (format!("--{name}"), format!("--{name}="));
    let mut typed = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    typed.any(|word| word == flag || word.starts_with(&with_value))
}

impl Configuration {
    /// Reads everything that a command would read, for each agent that it would be for.
    pub(crate) fn read(sources: &Sources) -> Vec<(Option<String>, Self)> {
        let mut layers = vec![Layer { file: None, settings: sources.given().clone() }];
        let (mut read, mut wrong) = (Vec::new(), Vec::new());
        for file in sources.files() {
            match config::read(&file, sources.home()) {
                Ok(settings) => {
                    read.push(file.display().to_string());
                    layers.push(Layer { file: Some(file), settings });
                }
                Err(failure) => wrong.push(failure.to_string()),
            }
        }
        let files = files_hop(&read, &wrong);
        let mut merged = Settings::NOTHING;
        layers.iter().for_each(|layer| merged.fill_from(layer.settings.clone()));
        let word = merged.agent.as_deref();
        let several = match (word, word.map(|word| agents::find(&merged.agents, word))) {
            (Some(_), Some(Ok(Some(one)))) => vec![one],
            (Some(agents::ALL) | None, _) => merged.agents.iter().collect(),
            // An address, or a name that nobody has.
            (Some(_), _) => Vec::new(),
        };
        if several.is_empty() {
            let address = found(&layers, "agent", |settings| settings.agent.clone());
            let unknown = |word: &str| agents::find(&merged.agents, word).err();
            let (hop, address) = address_hop(address.as_ref(), unknown);
            return vec![(
                None,
                Self { hops: vec![files, hop], known: known(&layers, address, None) },
            )];
        }
        let one = |agent: &&NamedAgent| {
            let address = From { value: agent.url.clone(), origin: origin(agent) };
            let (hop, address) = address_hop(Some(&address), |_| None);
            let known = known(&layers, address, Some(agent));
            (Some(agent.name.clone()), Self { hops: vec![files.clone(), hop], known })
        };
        several.iter().map(one).collect()
    }
}

fn origin(agent: &NamedAgent) -> String {
    format!("[agents.{}]", agent.name)
}

/// What there is to know of an agent: what is typed wins over what is its own, and that over what is
/// said for all.
fn known(layers: &[Layer], address: Option<(String, u16)>, agent: Option<&NamedAgent>) -> Known {
    let (typed, filed) = layers.split_at(1.min(layers.len()));
    let own = |value: fn(&NamedAgent) -> &Option<PathBuf>| {
        let agent = agent?;
        Some(From { value: value(agent).clone()?, origin: origin(agent) })
    };
    let file = |name, of: fn(&Settings) -> &Option<PathBuf>, own: Option<From<PathBuf>>| {
        let path = |layers| found(layers, name, |settings| of(settings).clone());
        let in_file =
            |From { value: path, origin }| From { value: Credential::File { name, path }, origin };
        let text = Credential::from_environment(name);
        let text = text.map(|value| From { value, origin: "contents".to_owned() });
        text.or_else(|| path(typed).or(own).or_else(|| path(filed)).map(in_file))
    };
    let cert = file("cert", |settings| &settings.cert, own(|agent| &agent.cert));
    let key = file("key", |settings| &settings.key, own(|agent| &agent.key));
    let ca = file("ca", |settings| &settings.ca, own(|agent| &agent.ca));
    Known { address, cert, key, ca }
}

/// The first layer that has it wins.
fn found<T>(
    layers: &[Layer],
    name: &str,
    value: impl Fn(&Settings) -> Option<T>,
) -> Option<From<T>> {
    layers.iter().find_map(|layer| {
        let value = value(&layer.settings)?;
        Some(From { value, origin: layer.origin(name) })
    })
}

fn files_hop(read: &[String], wrong: &[String]) -> Hop {
    if !wrong.is_empty() {
        let fix = "correct the file; `ripcord help config` has every key";
        return Hop::failed("configuration", Exit::Usage, wrong.join("; ")).fix(fix);
    }
    Hop::fine(
        "configuration",
        if read.is_empty() {
            "no file: flags and variables say everything".to_owned()
        } else {
            read.join(", ")
        },
    )
}

fn address_hop(
    address: Option<&From<String>>,
    unknown: impl Fn(&str) -> Option<String>,
) -> (Hop, Option<(String, u16)>) {
    let Some(From { value, origin }) = address else {
        let hop = Hop::failed("address", Exit::Usage, "nothing says where the agent is");
        return (hop.fix(how_to_give("agent")), None);
    };
    if let Some(why) = unknown(value) {
        let hop = Hop::failed("address", Exit::Usage, format!("{why} ({origin})"));
        return (hop.fix("write https://host:7443, or a name of [agents]"), None);
    }
    match host_and_port(value) {
        Ok((host, port)) => {
            (Hop::fine("address", format!("{host}:{port} ({origin})")), Some((host, port)))
        }
        Err(failure) => {
            let detail = format!("{failure} ({origin})");
            (Hop::failed("address", Exit::Usage, detail).fix("write https://host:7443"), None)
        }
    }
}

/// How a value is given that nothing says.
pub(super) fn how_to_give(name: &str) -> String {
    let variable = name.to_uppercase();
    format!("give --{name}, set RIPCORD_{variable}, or write `{name} = …` into ripcord.toml")
}

impl From<Credential> {
    /// What it is and where it comes from, for people.
    pub(super) fn shown(&self) -> String {
        match &self.value {
            Credential::File { path, .. } => format!("{} ({})", path.display(), self.origin),
            Credential::Text { variable, .. } => format!("${variable} ({})", self.origin),
        }
    }
}
