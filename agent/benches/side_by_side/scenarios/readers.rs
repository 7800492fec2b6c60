//! A hundred people read a log while the application writes 10,000 lines a second: does it notice?
//! Through ripcord, and with a stream of the engine's own for each, as `docker logs --follow` opens it.

use std::{fs, path::Path};

use prost::Message as _;
use ripcord_agent::adapters::docker::default_socket;
use ripcord_proto::v1::{
    LogBatch, StreamLogsRequest, StreamLogsResponse, agent_service_client::AgentServiceClient,
    stream_logs_response::Item,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
    runtime::{Builder, Runtime},
    task::JoinHandle,
};
use tonic::{
    Streaming,
    transport::{Certificate, ClientTlsConfig, Endpoint, Identity},
};

use crate::{
    agent::{Agent, Certs},
    chatter,
    findings::Findings,
    interrupt,
    listener::{Listener, p99_delay},
    options::Options,
    place::{Place, Scene},
    series::Series,
    targets,
};

const READERS: usize = 100;
const MEBIBYTE: f64 = 1024.0 * 1024.0;

pub(crate) fn run(options: &Options, findings: &mut Findings) {
    // The engine holds the application up, so it gets fewer.
    let (ours, theirs) = options.either((100_000, 30_000), (30_000, 10_000));
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut rates = Series::new("lines/s with a hundred engine streams", "/s");
    let mut delays = Series::of_times("delay, p99, with a hundred engine streams");
    let heard = by_engine(&runtime, theirs);
    rates.push(heard[0].rate());
    delays.add(p99_delay(&heard));
    let (heard, growth) = by_ripcord(&runtime, ours);
    let mut our_rates = Series::new("lines/s with a hundred readers of ripcord", "/s");
    let mut our_delays = Series::of_times("delay, p99, with a hundred readers of ripcord");
    our_rates.push(heard[0].rate());
    our_delays.add(p99_delay(&heard));
    findings.show(&[&rates, &our_rates]);
    findings.show(&[&delays, &our_delays]);
    findings.figure(&targets::READERS_RATE, heard[0].rate() / f64::from(chatter::RATE) * 100.0);
    let missed: usize = heard.iter().map(|listener| listener.missed).sum();
    findings.figure(&targets::READERS_GAPS, missed as f64);
    findings.figure(&targets::READERS_DELAY, our_delays.median());
    findings.figure(&targets::READERS_MEMORY, growth / MEBIBYTE);
}

/// A container that waits for its word to write so many lines.
fn chattering(lines: usize) -> (Scene, Place) {
    let scene = Scene::new();
    let live = scene.folder.path().join("chatter");
    let place = scene.place_with("chatter", &chatter::service(lines), || chatter::install(&live));
    (scene, place)
}

fn by_ripcord(runtime: &Runtime, lines: usize) -> (Vec<Listener>, f64) {
    let (scene, place) = chattering(lines);
    let certs = Certs::new(scene.folder.path());
    let environment = place.environment("bench", "when = \"none\"");
    let agent = Agent::start(&scene.folder.path().join("agent"), &certs, &environment);
    let before = agent.memory("VmRSS:");
    let open = |number| {
        interrupt::check();
        let reader = certs.issue(&format!("reader-{number}"));
        runtime.block_on(stream(&certs, &reader, agent.port))
    };
    let streams: Vec<_> = (0..READERS).map(open).collect();
    let readers = streams.into_iter().map(|stream| runtime.spawn(read(stream, lines))).collect();
    chatter::go(&place.live);
    let heard = all(runtime, readers);
    (heard, agent.memory("VmHWM:") - before)
}

/// The whole log and what comes, over a connection with this reader's own certificate.
async fn stream(certs: &Certs, reader: &Path, port: u16) -> Streaming<StreamLogsResponse> {
    let pem = |path: &Path| fs::read(path).unwrap();
    let identity =
        Identity::from_pem(pem(&reader.with_extension("pem")), pem(&reader.with_extension("key")));
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(pem(&certs.file("agent-ca.pem"))))
        .identity(identity);
    let endpoint = Endpoint::from_shared(format!("https://localhost:{port}")).unwrap();
    let channel = endpoint.tls_config(tls).unwrap().connect().await.unwrap();
    let query = StreamLogsRequest {
        environment: "bench".to_owned(),
        follow: true,
        ..StreamLogsRequest::default()
    };
    AgentServiceClient::new(channel).stream_logs(query).await.unwrap().into_inner()
}

async fn read(mut stream: Streaming<StreamLogsResponse>, lines: usize) -> Listener {
    let mut listener = Listener::new(lines);
    while !listener.is_done() {
        match stream.message().await.unwrap().and_then(|message| message.item) {
            Some(Item::Batch(bytes)) => {
                let batch = LogBatch::decode(bytes).unwrap();
                batch.lines.iter().for_each(|line| listener.take(&line.line));
            }
            // The next line's number tells how many it were.
            Some(Item::Gap(_)) => {}
            None => panic!("the log ended"),
        }
    }
    listener
}

fn by_engine(runtime: &Runtime, lines: usize) -> Vec<Listener> {
    let (_scene, place) = chattering(lines);
    let container = place.project.container();
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            interrupt::check();
            let stream = runtime.block_on(engine_stream(&container));
            runtime.spawn(listen(stream, lines))
        })
        .collect();
    chatter::go(&place.live);
    all(runtime, readers)
}

fn all(runtime: &Runtime, readers: Vec<JoinHandle<Listener>>) -> Vec<Listener> {
    readers.into_iter().map(|reader| runtime.block_on(reader).unwrap()).collect()
}

/// The engine's answer, behind its head.
async fn engine_stream(container: &str) -> BufReader<UnixStream> {
    let mut stream = UnixStream::connect(default_socket()).await.unwrap();
    let request = format!(
        "GET /containers/{container}/logs?follow=1&stdout=1 HTTP/1.0\r\nHost: docker\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut stream = BufReader::with_capacity(64 * 1024, stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.0 200"), "{}", String::from_utf8_lossy(&head));
    stream
}

/// A frame is 4 bytes of no interest, 4 with its length, and a line.
async fn listen(mut stream: BufReader<UnixStream>, lines: usize) -> Listener {
    let mut listener = Listener::new(lines);
    let mut frame = Vec::new();
    while !listener.is_done() {
        stream.read_u32().await.unwrap();
        frame.resize(stream.read_u32().await.unwrap() as usize, 0);
        stream.read_exact(&mut frame).await.unwrap();
        listener.take(str::from_utf8(&frame).unwrap().trim_end_matches('\n'));
    }
    listener
}
