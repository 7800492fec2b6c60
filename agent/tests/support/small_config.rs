//! A small configuration, and what is said of it when something is changed.
#![allow(missing_docs, dead_code, unreachable_pub, clippy::unwrap_used)]

use std::path::Path;

use ripcord_agent::config::Config;

/// A configuration with what is required and nothing else.
pub const SMALL: &str = r#"
listen = "127.0.0.1:0"
state_dir = "/var/lib/ripcord"
[tls]
cert = "/etc/agent.pem"
key = "/etc/agent.key"
client_ca = "/etc/ca.pem"
[environments.lab]
repository = "/srv/lab"
url = "http://127.0.0.1:8088/"
[environments.lab.runtime]
kind = "process"
run = ["./serve"]
"#;

pub fn parse(text: &str) -> Result<Config, String> {
    Config::parse(Path::new("agent.toml"), text).map_err(|error| error.to_string())
}

/// What is said about `SMALL` with `more` at its end.
pub fn refused(more: &str) -> String {
    parse(&format!("{SMALL}{more}\n")).expect_err(more)
}

/// What is said about `SMALL` with `from` replaced by `to`.
pub fn refused_with(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "{from}");
    parse(&SMALL.replace(from, to)).expect_err(to)
}
