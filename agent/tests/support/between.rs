//! A socket that stands before Docker's, and answers in its place where a test wants it to.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use ripcord_agent::adapters::docker::default_socket;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{UnixListener, UnixStream},
    task::JoinHandle,
};

/// Says what a call is answered with, in Docker's place; `None` passes it on, and an answer of nothing
/// is a connection that breaks.
type Judge = Box<dyn FnMut(&str) -> Option<String> + Send>;

/// Listens at `socket`, and shows every call to `judge`.
pub fn between(
    socket: &Path,
    judge: impl FnMut(&str) -> Option<String> + Send + 'static,
) -> JoinHandle<()> {
    let listener = UnixListener::bind(socket).unwrap();
    let judge: Arc<Mutex<Judge>> = Arc::new(Mutex::new(Box::new(judge)));
    tokio::spawn(async move {
        loop {
            let client = listener.accept().await.unwrap().0;
            let docker = UnixStream::connect(default_socket()).await.unwrap();
            tokio::spawn(pass(client, docker, Arc::clone(&judge)));
        }
    })
}

/// Listens at `socket`, and passes on all calls; what Docker answers goes through `alter`, which keeps
/// its length.
pub fn altered(socket: &Path, alter: fn(String) -> String) -> JoinHandle<()> {
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move {
        loop {
            let (mut from_client, mut to_client) = listener.accept().await.unwrap().0.into_split();
            let docker = UnixStream::connect(default_socket()).await.unwrap();
            let (mut from_docker, mut to_docker) = docker.into_split();
            tokio::spawn(async move { copy(&mut from_client, &mut to_docker).await });
            tokio::spawn(async move {
                let mut bytes = vec![0; 64 * 1024];
                while let Ok(count @ 1..) = from_docker.read(&mut bytes).await {
                    let answer = String::from_utf8_lossy(&bytes[..count]).into_owned();
                    to_client.write_all(alter(answer).as_bytes()).await.unwrap();
                }
            });
        }
    })
}

/// An answer with which Docker refuses.
pub fn refusal(status: u16) -> String {
    let body = r#"{"message":"not now"}"#;
    format!(
        "HTTP/1.1 {status} Refused\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn pass(client: UnixStream, docker: UnixStream, judge: Arc<Mutex<Judge>>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_docker, mut to_docker) = docker.into_split();
    let answers = tokio::spawn(async move {
        let _ = copy(&mut from_docker, &mut to_client).await;
        to_client
    });
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from_client.read(&mut bytes).await {
        let answer = judge.lock().unwrap()(&String::from_utf8_lossy(&bytes[..count]));
        if let Some(answer) = answer {
            // Docker hangs up on who asks no more.
            drop(to_docker);
            let _ = answers.await.unwrap().write_all(answer.as_bytes()).await;
            return;
        }
        to_docker.write_all(&bytes[..count]).await.unwrap();
    }
}
