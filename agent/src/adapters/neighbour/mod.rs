//! The kernel's neighbour tables: which hardware address answers for which IP address. Corrects
//! entries of addresses that it is told of; makes none, removes none, and looks at no others.
//!
//! An entry that nobody answered for holds up every packet to its address until the kernel asks
//! again, a second later. A corrected one sends on at once what waits, and the kernel asks for itself
//! whether it is so as soon as it is used. (To remove it would be as quick, but refuses what waits.)

mod message;

use std::{
    io,
    net::IpAddr,
    os::fd::OwnedFd,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect,
        netdevice::name_to_index,
        netlink::SocketAddrNetlink,
        recv, send, socket_with,
        sockopt::{Timeout, set_socket_timeout},
    },
    thread::{CapabilitySet, capabilities},
};

use self::message::Answer;
use crate::ports::{Neighbour, Neighbours};

/// The kernel answers while it is asked; this is for a kernel that does not.
const PATIENCE: Duration = Duration::from_millis(200);

/// The neighbour tables of the network that the agent lives in.
#[derive(Debug, Default)]
pub struct KernelNeighbours {
    /// It refused once: a capability in a user namespace is none here.
    refused: AtomicBool,
}

impl Neighbours for KernelNeighbours {
    fn has(&self, interface: &str) -> bool {
        Tables::open().is_ok_and(|tables| tables.index(interface).is_some())
    }

    fn may_correct(&self) -> bool {
        let own = capabilities(None).map(|sets| sets.effective);
        !self.refused.load(Ordering::Relaxed)
            && own.is_ok_and(|effective| effective.contains(CapabilitySet::NET_ADMIN))
    }

    fn correct(&self, neighbour: &Neighbour) -> io::Result<bool> {
        let corrected = Tables::open().and_then(|tables| tables.correct(neighbour));
        if matches!(corrected, Err(Errno::PERM | Errno::ACCESS)) {
            self.refused.store(true, Ordering::Relaxed);
        }
        Ok(corrected?)
    }
}

/// A connection to them.
struct Tables(OwnedFd);

impl Tables {
    fn open() -> Result<Self, Errno> {
        let (family, flags) = (AddressFamily::NETLINK, SocketFlags::CLOEXEC);
        // The default protocol of this family is the one that speaks of routes and neighbours.
        let socket = socket_with(family, SocketType::RAW, flags, None)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        connect(&socket, &SocketAddrNetlink::new(0, 0))?;
        Ok(Self(socket))
    }

    fn index(&self, interface: &str) -> Option<u32> {
        name_to_index(&self.0, interface).ok()
    }

    fn correct(&self, neighbour: &Neighbour) -> Result<bool, Errno> {
        let Neighbour { interface, address, mac } = neighbour;
        let Some(interface) = self.index(interface) else { return Ok(false) };
        match self.state(interface, *address)? {
            Some(state) if message::is_unanswered(state) => {}
            Some(_) | None => return Ok(false),
        }
        match self.ask(&message::correct(interface, *address, *mac))? {
            Answer::Result(0) => Ok(true),
            Answer::Result(number) => is_gone(Errno::from_raw_os_error(number)),
            Answer::State(_) | Answer::Other => Err(Errno::BADMSG),
        }
    }

    /// How the entry of the address is; nothing where there is none.
    fn state(&self, interface: u32, address: IpAddr) -> Result<Option<u16>, Errno> {
        match self.ask(&message::ask(interface, address))? {
            Answer::State(state) => Ok(Some(state)),
            Answer::Result(number) => is_gone(Errno::from_raw_os_error(number)).map(|_| None),
            Answer::Other => Err(Errno::BADMSG),
        }
    }

    fn ask(&self, question: &[u8]) -> Result<Answer, Errno> {
        send(&self.0, question, SendFlags::empty())?;
        let mut answer = [0; 4096];
        let (length, _) = recv(&self.0, &mut answer, RecvFlags::empty())?;
        Ok(message::parse(&answer[..length]))
    }
}

/// `false` where there is no entry, or no such interface any more: then nothing holds anything up.
fn is_gone(error: Errno) -> Result<bool, Errno> {
    match error {
        Errno::NOENT | Errno::NODEV => Ok(false),
        other => Err(other),
    }
}
