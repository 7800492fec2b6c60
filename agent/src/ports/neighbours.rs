//! What the kernel is told of containers that are back.

use std::{io, net::IpAddr};

/// This machine's memory of who answers for which address on its own networks.
///
/// Its calls may block for a moment.
pub trait Neighbours: Send + Sync {
    /// Whether the interface is one of this machine's, as seen from where the agent runs.
    fn has(&self, interface: &str) -> bool;

    /// Whether the agent may correct entries, as far as it knows.
    fn may_correct(&self) -> bool;

    /// Where the address has an entry that nobody answered for, says who answers; tells whether
    /// there was one.
    ///
    /// # Errors
    /// When the kernel refuses, or cannot be asked.
    fn correct(&self, neighbour: &Neighbour) -> io::Result<bool>;
}

/// Who answers for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// The interface of this machine behind which it is.
    pub interface: String,
    /// The address that others ask for.
    pub address: IpAddr,
    /// The hardware address that they are told.
    pub mac: [u8; 6],
}
