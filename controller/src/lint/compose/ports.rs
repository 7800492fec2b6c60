//! Ports of the machine that services publish.

use super::super::yaml::Node;

/// Ports from the first to the last, at an address of the machine.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Published {
    pub(super) line: usize,
    pub(super) first: u16,
    last: u16,
    address: String,
    is_udp: bool,
}

impl Published {
    /// Whether both cannot listen at a time.
    pub(super) fn clashes(&self, other: &Self) -> bool {
        let is_any = |address: &str| ["", "0.0.0.0", "[::]"].contains(&address);
        let same = self.address == other.address || is_any(&self.address) || is_any(&other.address);
        same && self.is_udp == other.is_udp && self.first <= other.last && other.first <= self.last
    }
}

/// The ports of a service that are known: neither variables nor those that the engine chooses.
pub(super) fn of(service: &Node) -> Vec<Published> {
    let ports = service.get("ports").into_iter().flat_map(Node::each);
    ports
        .filter_map(|port| if port.entries().is_empty() { short(port) } else { long(port) })
        .collect()
}

/// `127.0.0.1:8501:8501/tcp`.
fn short(port: &Node) -> Option<Published> {
    let text = port.text()?;
    let (place, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (outside, _) = place.rsplit_once(':')?;
    let (address, ports) = outside.rsplit_once(':').unwrap_or(("", outside));
    published(port.line, ports, address, protocol)
}

fn long(port: &Node) -> Option<Published> {
    let address = port.text_of("host_ip").unwrap_or_default();
    published(
        port.line,
        port.text_of("published")?,
        address,
        port.text_of("protocol").unwrap_or("tcp"),
    )
}

fn published(line: usize, ports: &str, address: &str, protocol: &str) -> Option<Published> {
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    Some(Published { line, first, last, address: address.to_owned(), is_udp: protocol == "udp" })
}
