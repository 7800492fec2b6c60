//! What a probe says of servers that are down, wrong, slow, endless or elsewhere.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use ripcord_agent::{
    adapters::http_probe::{HttpProbe, client_builder},
    ports::{Probe, Sample},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A server that gives every connection to `serve`, after it has read the request.
async fn server<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(TcpStream, String) -> F + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let count = stream.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..count]).into_owned();
            tokio::spawn(serve(stream, request));
        }
    });
    address
}

async fn answering(answer: impl Into<String>) -> SocketAddr {
    let answer: Arc<str> = answer.into().into();
    server(move |mut stream, _| {
        let answer = Arc::clone(&answer);
        async move {
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await
}

fn probe(url: String) -> HttpProbe {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let tls = rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    HttpProbe {
        client: client_builder().no_proxy().tls_backend_preconfigured(tls).build().unwrap(),
        url: url.parse().unwrap(),
        status: 200,
        contains: Some("Mangetamain".to_owned()),
        timeout: Duration::from_secs(10),
    }
}

async fn sample(address: SocketAddr) -> Sample {
    probe(format!("http://{address}/")).sample().await
}

fn bad(status: Option<u16>, detail: &str) -> Sample {
    let wrong_content = detail.contains("does not contain");
    Sample { ok: false, status, wrong_content, detail: detail.to_owned() }
}

const GOOD: Sample =
    Sample { ok: true, status: Some(200), wrong_content: false, detail: String::new() };

#[tokio::test]
async fn status_and_body_make_a_good_answer() {
    let address = answering("HTTP/1.1 200 OK\r\n\r\n<title>Mangetamain</title>").await;
    assert_eq!(sample(address).await, GOOD);
    let address = answering("HTTP/1.1 200 OK\r\n\r\n<title>Apache default page</title>").await;
    assert_eq!(sample(address).await, bad(Some(200), "the body does not contain \"Mangetamain\""));
    let address = answering("HTTP/1.1 503 Nope\r\n\r\nMangetamain").await;
    assert_eq!(sample(address).await, bad(Some(503), "HTTP 503 instead of 200"));
}

#[tokio::test]
async fn a_server_that_is_down_is_said_in_two_words_and_credentials_are_never_shown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let down = probe(format!("http://admin:hunter2@{address}/?token=hunter2")).sample().await;
    assert_eq!(down, bad(None, "connection refused"));
    let garbage = answering("SSH-2.0-OpenSSH\r\n").await;
    for url in [
        format!("http://admin:hunter2@{garbage}/hunter2"),
        format!("https://admin:hunter2@{garbage}/hunter2"),
        "http://admin:hunter2@no-such-host.invalid/hunter2".to_owned(),
    ] {
        let sample = probe(url).sample().await;
        assert!(!sample.ok && !sample.detail.is_empty());
        assert!(!sample.detail.contains("hunter2"), "{}", sample.detail);
    }
}

#[tokio::test]
async fn time_is_up_before_the_answer_or_in_the_middle_of_it() {
    for beginning in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nMange"] {
        let address = server(move |mut stream, _| async move {
            stream.write_all(beginning.as_bytes()).await.unwrap();
            std::future::pending::<()>().await;
        })
        .await;
        let timeout = Duration::from_millis(300);
        let late = HttpProbe { timeout, ..probe(format!("http://{address}/")) }.sample().await;
        assert!(!late.ok);
        assert!(late.detail.ends_with("no answer within 0.3s"), "{}", late.detail);
    }
}

#[tokio::test]
async fn text_is_found_across_chunks_and_an_endless_body_is_not_read_to_its_end() {
    let address = server(|mut stream, _| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        for byte in b"a Mangetamain" {
            stream.write_all(&[*byte]).await.unwrap();
            stream.flush().await.unwrap();
            tokio::task::yield_now().await;
        }
        std::future::pending::<()>().await;
    })
    .await;
    assert_eq!(sample(address).await, GOOD);
    let endless = server(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'x'; 65536]).await.is_ok() {}
    })
    .await;
    let sample = sample(endless).await;
    assert!(sample.detail.contains("in its first 1048576 bytes"), "{}", sample.detail);
}

#[tokio::test]
async fn redirects_are_followed_and_no_further_than_makes_sense() {
    let good = answering("HTTP/1.1 200 OK\r\n\r\nMangetamain").await;
    let moved =
        format!("HTTP/1.1 302 Found\r\nlocation: http://{good}/\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(sample(answering(moved).await).await, GOOD);
    let round = "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(sample(answering(round).await).await, bad(None, "more than 5 redirects"));
}

#[tokio::test]
async fn every_look_is_a_connection_of_its_own() {
    let address = server(|mut stream, _| async move {
        let body = "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nMangetamain";
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut more = Vec::new();
        let _ = stream.read_to_end(&mut more).await;
        assert!(more.is_empty(), "a second request on the same connection");
    })
    .await;
    let probe = probe(format!("http://{address}/"));
    assert_eq!(probe.sample().await, GOOD);
    assert_eq!(probe.sample().await, GOOD);
}
