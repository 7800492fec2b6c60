//! The three messages of the kernel's neighbour tables that the agent speaks, as bytes. Pure.
//!
//! The format is `struct nlmsghdr`, `struct ndmsg`, then attributes, all in the machine's byte order
//! and padded to four bytes. It is a promise of the kernel to every program, and does not change.

use std::net::IpAddr;

/// An answer to what was asked, or to what was to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The entry is in this state.
    State(u16),
    /// Done (0), or why not, as an error number of the system.
    Result(i32),
    /// Nothing that was asked for.
    Other,
}

/// Nobody has been asked yet.
const NONE: u16 = 0;
/// Nobody has answered yet.
const INCOMPLETE: u16 = 0x01;
/// An answer is known, and is asked for again before it is relied on for long.
const STALE: u16 = 0x04;
/// Nobody answered, or nobody does any more.
const FAILED: u16 = 0x20;

const HEADER: usize = 16;
const ERROR: u16 = 2;
const NEW_NEIGHBOUR: u16 = 28;
const GET_NEIGHBOUR: u16 = 30;
const REQUEST: u16 = 0x01;
const ACKNOWLEDGE: u16 = 0x04;
const REPLACE: u16 = 0x100;
const DESTINATION: u16 = 1;
const HARDWARE_ADDRESS: u16 = 2;
const IPV4: u8 = 2;
const IPV6: u8 = 10;

/// Whether the kernel knows nobody to send to, in this state.
pub(super) fn is_unanswered(state: u16) -> bool {
    matches!(state, NONE | INCOMPLETE | FAILED)
}

/// Asks for the entry of this address.
pub(super) fn ask(interface: u32, address: IpAddr) -> Vec<u8> {
    message(GET_NEIGHBOUR, REQUEST, interface, 0, address, None)
}

/// Says who answers for an address that has an entry; makes none.
pub(super) fn correct(interface: u32, address: IpAddr, mac: [u8; 6]) -> Vec<u8> {
    let flags = REQUEST | ACKNOWLEDGE | REPLACE;
    message(NEW_NEIGHBOUR, flags, interface, STALE, address, Some(mac))
}

fn message(
    kind: u16,
    flags: u16,
    interface: u32,
    state: u16,
    address: IpAddr,
    mac: Option<[u8; 6]>,
) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    // Sequence and sender: one question at a time, and the kernel knows whose it is.
    bytes.extend([0; 8]);
    let family = if address.is_ipv4() { IPV4 } else { IPV6 };
    bytes.extend([family, 0, 0, 0]);
    bytes.extend(interface.to_ne_bytes());
    bytes.extend(state.to_ne_bytes());
    bytes.extend([0, 0]);
    match address {
        IpAddr::V4(address) => attribute(&mut bytes, DESTINATION, &address.octets()),
        IpAddr::V6(address) => attribute(&mut bytes, DESTINATION, &address.octets()),
    }
    if let Some(mac) = mac {
        attribute(&mut bytes, HARDWARE_ADDRESS, &mac);
    }
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes
}

fn attribute(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// What the kernel says.
pub(super) fn parse(bytes: &[u8]) -> Answer {
    let half = |at: usize| Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
    let word = |at: usize| Some(i32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
    let answer = match half(4) {
        Some(ERROR) => word(HEADER).map(|number| Answer::Result(number.saturating_neg())),
        Some(NEW_NEIGHBOUR) => half(HEADER + 8).map(Answer::State),
        _ => None,
    };
    answer.unwrap_or(Answer::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_arrives_is_an_answer_or_nothing() {
        for length in 0..24 {
            assert_eq!(parse(&vec![0; length]), Answer::Other);
        }
        let mut error = vec![0; 20];
        error[4..6].copy_from_slice(&ERROR.to_ne_bytes());
        assert_eq!(parse(&error), Answer::Result(0));
        error[16..].copy_from_slice(&i32::MIN.to_ne_bytes());
        assert_eq!(parse(&error), Answer::Result(i32::MAX));
        assert_eq!(parse(&error[..18]), Answer::Other);
    }

    #[test]
    fn what_somebody_answered_for_or_a_person_wrote_is_left_alone() {
        assert!([0x00, 0x01, 0x20].into_iter().all(is_unanswered));
        let (reachable, delay, probe, noarp, permanent) = (0x02, 0x08, 0x10, 0x40, 0x80);
        let answered = [reachable, STALE, delay, probe, noarp, permanent];
        assert!(!answered.into_iter().any(is_unanswered));
    }

    #[test]
    fn every_message_says_how_long_it_is_and_is_padded() {
        for address in ["192.0.2.7", "2001:db8::7"] {
            let address = address.parse().expect("an address");
            for message in [ask(3, address), correct(3, address, [2, 0, 0, 0, 0, 1])] {
                let length = u32::from_ne_bytes(*message.first_chunk().expect("a header"));
                assert_eq!(length as usize, message.len());
                assert_eq!(message.len() % 4, 0);
            }
        }
    }
}
