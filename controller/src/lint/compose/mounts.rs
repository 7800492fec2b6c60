//! Folders of the machine that services see.

use super::super::yaml::Node;

/// Of the machine itself: everybody may see them.
const COMMON: [&str; 6] = ["/etc/", "/proc", "/sys", "/dev", "/var/run/", "/run/"];

/// A folder of the machine inside a service.
#[derive(Debug)]
pub(super) struct Mount {
    pub(super) line: usize,
    /// From the repository's root, or absolute; without `.` and `..` as far as they can be resolved.
    pub(super) source: String,
    pub(super) is_read_only: bool,
}

impl Mount {
    /// Whether one can change what the other sees.
    pub(super) fn shares(&self, other: &Self) -> bool {
        let holds = |outer: &str, inner: &str| match inner.strip_prefix(outer) {
            Some("") => true,
            Some(rest) if outer.is_empty() => !rest.starts_with(['/', '.']),
            Some(rest) => rest.starts_with('/'),
            None => false,
        };
        let related = holds(&self.source, &other.source) || holds(&other.source, &self.source);
        related && !(self.is_read_only && other.is_read_only)
    }
}

/// The bind mounts of a service of a file in `folder`.
pub(super) fn of(service: &Node, folder: &str) -> Vec<Mount> {
    let volumes = service.get("volumes").into_iter().flat_map(Node::each);
    let mounts =
        volumes.filter_map(|one| if one.entries().is_empty() { short(one) } else { long(one) });
    let resolved = mounts.map(|mount| Mount { source: resolve(folder, &mount.source), ..mount });
    resolved.filter(|mount| !COMMON.iter().any(|common| mount.source.starts_with(common))).collect()
}

/// `../10_preprod:/app:ro`; a name is a volume.
fn short(volume: &Node) -> Option<Mount> {
    let mut parts = volume.text()?.split(':');
    let source = parts.next().filter(|source| source.starts_with(['.', '/']))?;
    parts.next()?;
    let is_read_only = parts.next().is_some_and(|mode| mode.split(',').any(|word| word == "ro"));
    Some(Mount { line: volume.line, source: source.to_owned(), is_read_only })
}

fn long(volume: &Node) -> Option<Mount> {
    let source = volume.text_of("source").filter(|_| volume.text_of("type") == Some("bind"))?;
    let is_read_only = volume.get("read_only").is_some_and(Node::is_true);
    Some(Mount { line: volume.line, source: source.to_owned(), is_read_only })
}

fn resolve(folder: &str, source: &str) -> String {
    let (start, folder) = if source.starts_with('/') { ("/", "") } else { ("", folder) };
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(source.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("{start}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_name() {
        for (folder, source, expected) in [
            ("30_docker", "../10_preprod", "10_preprod"),
            ("30_docker", "./x/../y/", "30_docker/y"),
            ("", "..", ".."),
            ("a", "../../b", "../b"),
            ("a", "/app/./x/", "/app/x"),
        ] {
            assert_eq!(resolve(folder, source), expected);
        }
    }
}
