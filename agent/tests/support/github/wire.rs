//! HTTP by hand, one request per connection: so that it can be truncated, hang and break off.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use super::{Fault, Seen, State, answers};

/// What goes out.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

pub(super) async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(serve(stream, state.clone()));
    }
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut stream = BufReader::new(stream);
    let Some(mut request) = read(&mut stream).await else { return };
    let (answer, fault) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let (answer, fault) = answers::to(&request, &mut state);
        let is_answered = !matches!(fault, Some(Fault::Hang | Fault::Closed));
        request.status = if is_answered { answer.status } else { 0 };
        state.seen.push(request);
        (answer, fault)
    };
    match fault {
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Closed) => {}
        fault => {
            let bytes = bytes(&answer);
            let cut = if fault == Some(Fault::Truncated) { answer.body.len() / 2 } else { 0 };
            let _ = stream.get_mut().write_all(&bytes[..bytes.len() - cut]).await;
            let _ = stream.get_mut().shutdown().await;
        }
    }
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
    let token = headers.remove("authorization").map(|value| value.replacen("Bearer ", "", 1));
    let length = headers.get("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Seen { method, path: path.to_owned(), query, headers, token, body, status: 0 })
}

fn bytes(answer: &Answer) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {} -\r\nconnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        text += &format!("{name}: {value}\r\n");
    }
    // A 304 has no body, whatever its headers say.
    text += &format!("content-length: {}\r\n\r\n{}", answer.body.len(), answer.body);
    text.into_bytes()
}
