//! Addresses of remotes: what may be shown of them, and the parts that ssh is called with.

use url::Url;

/// The address without user name, password and query, for messages.
pub(in super::super) fn display(address: &str) -> String {
    let Ok(mut url) = Url::parse(address) else {
        return address.to_owned();
    };
    if url.has_host() {
        // Both fail only for addresses that cannot carry them.
        let _ = url.set_password(None);
        let _ = url.set_username("");
        url.set_query(None);
        url.set_fragment(None);
    }
    url.to_string()
}

/// Where ssh goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SshTarget {
    /// `host` or `user@host`.
    pub(super) destination: String,
    pub(super) port: Option<u16>,
    /// The repository's path over there.
    pub(super) path: String,
}

impl SshTarget {
    /// Reads `ssh://user@host:port/path` or `user@host:path`. `None` for what is neither, and for
    /// parts that ssh or git would take for options.
    pub(super) fn parse(address: &str) -> Option<Self> {
        let target = match address.strip_prefix("ssh://") {
            Some(rest) => Self::from_url(rest)?,
            None => Self::from_scp(address)?,
        };
        let host = target.destination.rsplit('@').next()?;
        let fit = |part: &str| {
            !part.is_empty() && !part.starts_with('-') && !part.contains(char::is_control)
        };
        let all_fit = fit(&target.destination) && fit(host) && fit(&target.path);
        all_fit.then_some(target)
    }

    fn from_url(rest: &str) -> Option<Self> {
        let (authority, path) = rest.split_once('/')?;
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (user.split(':').next(), place),
            None => (None, authority),
        };
        let (host, port) = split_port(place)?;
        let destination = user.map_or_else(|| host.to_owned(), |user| format!("{user}@{host}"));
        let path = if path.starts_with('~') { path.to_owned() } else { format!("/{path}") };
        Some(Self { destination, port, path })
    }

    fn from_scp(address: &str) -> Option<Self> {
        let (destination, path) = match address.split_once("]:") {
            Some((host, path)) => (host.replace('[', ""), path),
            None => address.split_once(':').map(|(host, path)| (host.to_owned(), path))?,
        };
        let path = path.strip_prefix('/').filter(|rest| rest.starts_with('~')).unwrap_or(path);
        Some(Self { destination, port: None, path: path.to_owned() })
    }

    /// The command for the other side's shell.
    pub(super) fn command(&self) -> String {
        let quoted = self.path.replace('\'', "'\\''").replace('!', "'\\!'");
        format!("git-upload-pack '{quoted}'")
    }
}

fn split_port(place: &str) -> Option<(&str, Option<u16>)> {
    if let Some(bracketed) = place.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']')?;
        let port = rest.strip_prefix(':').map(str::parse).transpose().ok()?;
        return Some((host, port));
    }
    match place.split_once(':') {
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
        None => Some((place, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(destination: &str, port: Option<u16>, path: &str) -> Option<SshTarget> {
        Some(SshTarget { destination: destination.to_owned(), port, path: path.to_owned() })
    }

    #[test]
    fn both_spellings_of_ssh_addresses_are_understood() {
        for (address, expected) in [
            ("git@example.org:a/b.git", target("git@example.org", None, "a/b.git")),
            ("example.org:/srv/b.git", target("example.org", None, "/srv/b.git")),
            ("ssh://git@example.org:2222/b.git", target("git@example.org", Some(2222), "/b.git")),
            ("ssh://example.org/~me/b.git", target("example.org", None, "~me/b.git")),
            ("ssh://git:secret@[::1]:22/b", target("git@::1", Some(22), "/b")),
            ("git@[::1]:b", target("git@::1", None, "b")),
        ] {
            assert_eq!(SshTarget::parse(address), expected, "{address}");
        }
    }

    #[test]
    fn an_address_never_becomes_an_option_of_ssh_or_git() {
        for address in [
            "ssh://-oProxyCommand=evil/x",
            "-oProxyCommand=evil:x",
            "git@-oProxyCommand=evil:x",
            "host:-evil",
            "ssh://host:port/x",
            "host:",
            "host:a\nb",
        ] {
            assert_eq!(SshTarget::parse(address), None, "{address}");
        }
    }

    #[test]
    fn a_quote_in_the_path_stays_inside_the_quotes() {
        let target = SshTarget::parse("host:it's; rm -rf x").expect("an address");
        assert_eq!(target.command(), "git-upload-pack 'it'\\''s; rm -rf x'");
    }

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        let shown = display("https://me:s3cret@example.org/r.git?private_token=s3cret");
        assert_eq!(shown, "https://example.org/r.git");
        assert_eq!(display("git@example.org:r.git"), "git@example.org:r.git");
        assert_eq!(display("/srv/r.git"), "/srv/r.git");
    }
}
