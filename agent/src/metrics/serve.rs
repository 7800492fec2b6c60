//! Answers scrapes over plain HTTP on an address of this machine. Reads one request per connection,
//! for a short time, from few at once: whoever holds connections open starves nobody but scrapes.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::Metrics;

/// How many connections are answered at once.
const AT_ONCE: usize = 8;
/// How long a connection may take: a scrape takes a millisecond.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long until connections are accepted again after that failed, such as for want of files.
const BREATH: Duration = Duration::from_millis(200);
/// The text format, in the version that everybody reads.
const FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// A listener for scrapes that is not asked yet.
pub struct Door(TcpListener);

impl Door {
    /// Listens here.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self(TcpListener::bind(address).await?))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Answers until the agent stops.
    pub async fn answer(self, metrics: Metrics, shutdown: CancellationToken) {
        tokio::select! {
            () = accept(self.0, metrics) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

async fn accept(listener: TcpListener, metrics: Metrics) {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(turn) = turns.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            sleep(BREATH).await;
            continue;
        };
        let metrics = metrics.clone();
        tokio::spawn(async move {
            let _turn = turn;
            // Who goes away, or takes too long, has no scrape: that is all.
            let _ = timeout(PATIENCE, converse(stream, metrics)).await;
        });
    }
}

async fn converse(stream: TcpStream, metrics: Metrics) -> hyper::Result<()> {
    let answer = service_fn(move |request: Request<Incoming>| {
        let answer = answer(&request, &metrics);
        async move { Ok::<_, Infallible>(answer) }
    });
    http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), answer).await
}

fn answer<B>(request: &Request<B>, metrics: &Metrics) -> Response<String> {
    let mut response = Response::new(String::new());
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => {
            *response.body_mut() = metrics.page();
            response.headers_mut().insert(CONTENT_TYPE, FORMAT);
        }
        (_, "/metrics") => *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED,
        (_, _) => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    response
}
