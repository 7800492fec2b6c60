//! A local server that answers as Discord does, and as a webhook's receiver may: HTTP by hand, so that
//! it can hang, break off and lie.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::support::site::PATIENCE;

/// The webhook's token, which no output may show.
pub(crate) const TOKEN: &str = "canary-token-7Qx1_zW";
/// Where the webhook is, as Discord's addresses are.
pub(crate) const PATH: &str = "/api/v10/webhooks/41/canary-token-7Qx1_zW";

/// What comes back, or does not.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Json(u16, Value),
    /// With one header.
    With(u16, (&'static str, String), &'static str),
    /// A page for people.
    Html(u16),
    /// Nothing, ever.
    Hang,
    /// The connection ends behind the request.
    Close,
    /// The answer ends in its middle.
    Truncate,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) raw: Vec<u8>,
    pub(crate) body: Value,
    /// What it was answered with; 0 for nothing.
    pub(crate) status: u16,
}

impl Seen {
    pub(crate) fn content(&self) -> &str {
        self.body["content"].as_str().unwrap_or_default()
    }

    pub(crate) fn title(&self) -> &str {
        self.content().lines().next().unwrap_or_default()
    }
}

#[derive(Default)]
struct State {
    planned: VecDeque<Answer>,
    always: Option<Answer>,
    seen: Vec<Seen>,
    deleted: bool,
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    accepting: JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<Mutex<State>>::default();
        let accepting = tokio::spawn(accept(listener, state.clone()));
        Self { address, state, accepting }
    }

    /// The webhook's address, as Discord shows it to people.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/api/webhooks/41/{TOKEN}", self.address)
    }

    /// The next requests are answered so, one after the other; the others, well.
    pub(crate) fn plan(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state().planned.extend(answers);
    }

    /// All requests are answered so; `None` for well.
    pub(crate) fn always(&self, answer: Option<Answer>) {
        self.state().always = answer;
    }

    /// Somebody deletes the messages.
    pub(crate) fn delete_messages(&self) {
        self.state().deleted = true;
    }

    /// Every request so far, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// The first lines of what was taken, in order.
    pub(crate) fn titles(&self) -> Vec<String> {
        let taken = self.seen().into_iter().filter(|seen| (200..300).contains(&seen.status));
        taken.map(|seen| seen.title().to_owned()).collect()
    }

    /// Waits until the requests so far are so.
    pub(crate) async fn until(&self, is_so: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let waiting = async {
            while !is_so(&self.state().seen) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            panic!("it never came to be so: {:#?}", self.seen());
        }
        self.seen()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(serve(BufReader::new(stream), state.clone()));
    }
}

async fn serve(mut stream: BufReader<TcpStream>, state: Arc<Mutex<State>>) {
    let Some(mut seen) = read(&mut stream).await else { return };
    let answer = {
        let mut state = state.lock().unwrap();
        let planned = state.planned.pop_front().or_else(|| state.always.clone());
        let answer = planned.unwrap_or_else(|| well(&mut seen, &mut state));
        seen.status = match &answer {
            Answer::Json(status, _) | Answer::With(status, ..) | Answer::Html(status) => *status,
            Answer::Hang | Answer::Close | Answer::Truncate => 0,
        };
        state.seen.push(seen);
        answer
    };
    let bytes = match answer {
        Answer::Json(204, _) => b"HTTP/1.1 204 -\r\nconnection: close\r\n\r\n".to_vec(),
        Answer::Json(status, body) => {
            bytes(status, "content-type: application/json", &body.to_string())
        }
        Answer::With(status, (name, value), body) => {
            bytes(status, &format!("{name}: {value}"), body)
        }
        Answer::Html(status) => bytes(status, "content-type: text/html", "<h1>cloudflare</h1>"),
        Answer::Truncate => b"HTTP/1.1 200 -\r\ncontent-length: 900\r\n\r\n{\"id\"".to_vec(),
        Answer::Hang => return std::future::pending().await,
        Answer::Close => return,
    };
    let _ = stream.get_mut().write_all(&bytes).await;
    let _ = stream.get_mut().shutdown().await;
}

/// As Discord answers on a good day.
fn well(seen: &mut Seen, state: &mut State) -> Answer {
    match seen.method.as_str() {
        "GET" => Answer::Json(200, json!({ "id": "41", "name": "deployments", "token": TOKEN })),
        "PATCH" if std::mem::take(&mut state.deleted) => {
            Answer::Json(404, json!({ "message": "Unknown Message", "code": 10008 }))
        }
        "PATCH" => Answer::Json(200, json!({ "id": seen.path.rsplit('/').next() })),
        _ if seen.query.contains("wait=true") => {
            Answer::Json(200, json!({ "id": format!("9{:03}", state.seen.len()) }))
        }
        _ => Answer::Json(204, Value::Null),
    }
}

fn bytes(status: u16, header: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} -\r\nconnection: close\r\n{header}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut first = String::new();
    stream.read_line(&mut first).await.ok()?;
    let mut words = first.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok());
    let mut raw = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut raw).await.ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let body = serde_json::from_slice(&raw).unwrap_or(Value::Null);
    let (path, query) = (path.to_owned(), query.to_owned());
    Some(Seen { method, path, query, headers, raw, body, status: 0 })
}
