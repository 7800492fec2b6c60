//! `ripcord certs`: the authorities and certificates that mutual TLS needs. Works without an agent.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use ripcord_core::Identity;
use serde_json::json;

use crate::{
    certs::{self, Authority, Files, Kind, Leaf},
    context::Context,
    exit::Exit,
    failure::Failure,
    out,
    render::table,
};

/// How long a certificate is good when nobody says.
const LEAF_DAYS: u32 = 365;
/// The trust domain of `certs dev`.
const DEV_DOMAIN: &str = "ripcord-dev";
/// Where a development agent can be reached.
const DEV_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// What `certs dev` makes.
const DEV_PAIRS: [&str; 5] = ["client-ca", "agent-ca", "agent", "operator", "viewer"];

const AFTER_HELP: &str = "\
Examples:
  ripcord certs dev --out certs-dev
  ripcord certs ca --out pki --trust-domain mangetamain
  ripcord certs issue --ca-dir pki --out vm \\
      --identity spiffe://mangetamain/agent/vm --host vm.example
  ripcord certs issue --ca-dir pki --out ann --identity spiffe://mangetamain/operator/ann
  ripcord certs list pki

Authorities last 10 years, certificates 1 year (--days). Keys are ECDSA P-256, mode 0600.";

/// Make and list the certificates that agents and controllers need
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Everything for localhost: both CAs, an agent, an operator, a viewer
    Dev(DevArguments),
    /// The two authorities: one for clients, one for agents
    Ca(CaArguments),
    /// A certificate: for an agent with --host, else for a client
    Issue(IssueArguments),
    /// The certificates of a folder: identity, role, expiry
    List(ListArguments),
}

#[derive(Debug, Args)]
struct DevArguments {
    /// Into which folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
struct CaArguments {
    /// Into which folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Whose identities these are, such as the project's name
    #[arg(long, value_name = "NAME")]
    trust_domain: String,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
struct IssueArguments {
    /// The folder of `ripcord certs ca`
    #[arg(long, value_name = "DIR")]
    ca_dir: PathBuf,
    /// For whom, such as spiffe://mangetamain/operator/ann: trust domain, kind, name
    #[arg(long, value_name = "URI")]
    identity: Identity,
    /// For an agent: a name or address by which it is reached (may be repeated)
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// How long it is good
    #[arg(long, value_name = "N", default_value_t = LEAF_DAYS, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// Into which folder; the files bear the identity's last word
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
struct ListArguments {
    /// Which folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Runs it.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.action {
        Action::Dev(arguments) => dev(context, arguments),
        Action::Ca(arguments) => ca(context, arguments),
        Action::Issue(arguments) => issue(context, arguments),
        Action::List(arguments) => list(context, &arguments.folder),
    }?;
    Ok(Exit::Success)
}

fn dev(context: &Context, arguments: &DevArguments) -> Result<(), Failure> {
    let is_there = |name: &str| {
        let file = |end| arguments.out.join(format!("{name}.{end}")).is_file();
        file("pem") && file("key")
    };
    if !arguments.force && DEV_PAIRS.into_iter().all(is_there) {
        let all: Vec<String> = DEV_PAIRS
            .iter()
            .flat_map(|name| [".pem", ".key"].map(|end| format!("{name}{end}")))
            .collect();
        let names: Vec<&str> = all.iter().map(String::as_str).collect();
        return tell(context, &arguments.out, &names, "is complete already, nothing was changed");
    }
    let clients = Authority::new(Kind::Client, DEV_DOMAIN)?;
    let agents = Authority::new(Kind::Agent, DEV_DOMAIN)?;
    let hosts = DEV_HOSTS.map(str::to_owned);
    let mut files = Files::into(&arguments.out);
    files.pair("client-ca", clients.to_pem());
    files.pair("agent-ca", agents.to_pem());
    files.pair("agent", agents.issue(&dev_identity("agent")?, &hosts, LEAF_DAYS)?);
    files.pair("operator", clients.issue(&dev_identity("operator")?, &[], LEAF_DAYS)?);
    files.pair("viewer", clients.issue(&dev_identity("viewer")?, &[], LEAF_DAYS)?);
    files.write(arguments.force)?;
    tell(context, &arguments.out, &files.names(), "has what localhost needs")
}

fn dev_identity(kind: &str) -> Result<Identity, Failure> {
    identity(&format!("spiffe://{DEV_DOMAIN}/{kind}/dev"))
}

fn identity(text: &str) -> Result<Identity, Failure> {
    text.parse().map_err(|error: ripcord_core::InvalidId| Failure::Usage(error.to_string()))
}

fn ca(context: &Context, arguments: &CaArguments) -> Result<(), Failure> {
    // A trust domain is good when an identity of it is.
    identity(&format!("spiffe://{}/agent/x", arguments.trust_domain))?;
    let mut files = Files::into(&arguments.out);
    for kind in [Kind::Client, Kind::Agent] {
        let authority = Authority::new(kind, &arguments.trust_domain)?;
        files.pair(&format!("{}-ca", kind.as_str()), authority.to_pem());
    }
    files.write(arguments.force)?;
    let what = "has both authorities; keep the keys where only you can read them";
    tell(context, &arguments.out, &files.names(), what)
}

fn issue(context: &Context, arguments: &IssueArguments) -> Result<(), Failure> {
    let kind = if arguments.host.is_empty() { Kind::Client } else { Kind::Agent };
    if kind == Kind::Client && identity_kind(&arguments.identity) == "agent" {
        let text = "an agent is reached by a name: add --host for each one";
        return Err(Failure::Usage(text.to_owned()));
    }
    let authority = load(kind, &arguments.ca_dir)?;
    let leaf: Leaf = authority.issue(&arguments.identity, &arguments.host, arguments.days)?;
    let name = arguments.identity.as_str().rsplit('/').next().unwrap_or("certificate");
    let mut files = Files::into(&arguments.out);
    files.pair(name, leaf);
    files.write(arguments.force)?;
    let what = format!("has {} certificate of {}", kind.as_str(), arguments.identity);
    tell(context, &arguments.out, &files.names(), &what)
}

/// The segment behind the trust domain.
fn identity_kind(identity: &Identity) -> &str {
    identity.as_str().split('/').nth(3).unwrap_or_default()
}

fn load(kind: Kind, folder: &Path) -> Result<Authority, Failure> {
    let read = |end: &str| {
        let path = folder.join(format!("{}-ca.{end}", kind.as_str()));
        let unread = |error| {
            let path = path.display();
            Failure::Usage(format!("cannot read {path}: {error}; make it with `ripcord certs ca`"))
        };
        fs::read_to_string(&path).map_err(unread)
    };
    Authority::from_pem(kind, read("pem")?, &read("key")?)
}

fn list(context: &Context, folder: &Path) -> Result<(), Failure> {
    let found = certs::list(folder)?;
    if context.wants_json() {
        return out::json(&json!({ "schema": "ripcord/v1/certificates", "certificates": found }));
    }
    out::people(&table::certificates(&found))
}

fn tell(context: &Context, folder: &Path, names: &[&str], what: &str) -> Result<(), Failure> {
    if context.wants_json() {
        let folder = folder.display().to_string();
        return out::json(
            &json!({ "schema": "ripcord/v1/files", "folder": folder, "files": names }),
        );
    }
    let quiet = context.global.quiet;
    let list = if quiet { String::new() } else { format!(": {}", names.join(" ")) };
    out::people(&format!("✔ {} {what}{list}", folder.display()))
}
