//! The door: accepts sockets, shakes hands under limits, and passes on connections with a name.
//!
//! Handshakes run beside each other: whoever is slow, silent or hostile waits for nobody but itself.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;

mod connection;
mod denials;
mod slots;

use self::{denials::Denials, slots::Slots};
use super::{
    limits::{HANDSHAKE_TIMEOUT, HANDSHAKES},
    peer::ConnectInfo,
    tls::Tls,
};

pub use self::connection::Connection;

/// How long the door rests when the system has no socket for it: first, and at most.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Connections as `serve_with_incoming_shutdown` wants them.
pub type Incoming = ReceiverStream<std::io::Result<Connection>>;

/// A port that is open, and not served yet.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    handshakes: Arc<Semaphore>,
    back_off: Duration,
    door: Arc<Door>,
}

/// What all handshakes share.
#[derive(Debug)]
struct Door {
    tls: Arc<Tls>,
    slots: Slots,
    denials: Denials,
}

/// Why the port cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address}; is another agent running, or is the address not this machine's?"
)]
pub struct ListenError {
    address: SocketAddr,
    source: std::io::Error,
}

impl Listener {
    /// Opens the port.
    ///
    /// # Errors
    /// When the system refuses it.
    pub async fn bind(address: SocketAddr, tls: Arc<Tls>) -> Result<Self, ListenError> {
        let socket =
            TcpListener::bind(address).await.map_err(|source| ListenError { address, source })?;
        let door = Door { tls, slots: Slots::default(), denials: Denials::default() };
        Ok(Self {
            socket,
            handshakes: Arc::new(Semaphore::new(HANDSHAKES)),
            back_off: BACK_OFF.0,
            door: Arc::new(door),
        })
    }

    /// Where it listens: with port 0 asked for, the one that was given.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts until the stream is dropped, which tonic does when its signal comes; then the port is
    /// free at once, whatever connections are still open.
    #[must_use]
    pub fn incoming(self) -> Incoming {
        let (sender, receiver) = mpsc::channel(HANDSHAKES);
        tokio::spawn(self.accept(sender));
        ReceiverStream::new(receiver)
    }

    async fn accept(mut self, sender: mpsc::Sender<std::io::Result<Connection>>) {
        let mut handshakes = JoinSet::new();
        loop {
            tokio::select! {
                () = sender.closed() => return,
                Some(_) = handshakes.join_next() => {}
                accepted = self.next() => {
                    let Some((socket, address, permit)) = accepted else { continue };
                    let door = Arc::clone(&self.door);
                    handshakes.spawn(door.pass_on(socket, address, permit, sender.clone()));
                }
            }
        }
    }

    /// The next socket, when there is room for a stranger; `None` after a rest, when there was none.
    async fn next(&mut self) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.handshakes).acquire_owned().await.ok()?;
        match self.socket.accept().await {
            Ok((socket, address)) => {
                self.back_off = BACK_OFF.0;
                Some((socket, address, permit))
            }
            Err(error) => {
                self.door.denials.tell(format_args!("cannot accept connections: {error}"));
                let rest = self.back_off;
                self.back_off = (rest * 2).min(BACK_OFF.1);
                tokio::time::sleep(rest).await;
                None
            }
        }
    }
}

impl Door {
    async fn pass_on(
        self: Arc<Self>,
        socket: TcpStream,
        address: SocketAddr,
        permit: OwnedSemaphorePermit,
        sender: mpsc::Sender<std::io::Result<Connection>>,
    ) {
        match self.shake_hands(socket, address).await {
            Ok(connection) => {
                drop(permit);
                // Nobody listens any more: the server is stopping.
                let _ = sender.send(Ok(connection)).await;
            }
            Err(why) => self.denials.tell(format_args!("connection from {address} refused: {why}")),
        }
    }

    async fn shake_hands(
        &self,
        socket: TcpStream,
        address: SocketAddr,
    ) -> Result<Connection, String> {
        let slot = self.slots.any().ok_or("too many connections")?;
        socket.set_nodelay(true).map_err(|error| error.to_string())?;
        // Read before the handshake: a reload in between leads to one more look, not to one less.
        let generation = self.tls.generation();
        let acceptor = TlsAcceptor::from(self.tls.server());
        let stream = timeout(HANDSHAKE_TIMEOUT, acceptor.accept(socket))
            .await
            .map_err(|_| format!("no handshake within {HANDSHAKE_TIMEOUT:?}"))?
            .map_err(|error| error.to_string())?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let chain = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
        let info = ConnectInfo::new(address, chain, Arc::clone(&self.tls), generation);
        if let Err(bad) = info.identity() {
            // Let in, so that every call is answered with the reason instead of a broken connection.
            self.denials.tell(format_args!("calls from {address} will be refused: {bad}"));
        }
        let slot = slot.of(info.identity().ok()).ok_or("too many connections of this identity")?;
        Ok(Connection::new(stream, info, slot))
    }
}
