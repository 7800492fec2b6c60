//! The door when the system has no file descriptor left. On its own: the limit is the whole process's.

#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod lab;
    pub mod mtls;
    pub mod pki;
}

use std::{
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use ripcord_proto::v1::{StatusRequest, agent_service_client::AgentServiceClient};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::{
    lab::Lab,
    mtls::client,
    pki::{OPERATOR, Pki},
};
use tokio::time::timeout;

/// Connects until there is no descriptor for either end.
fn take_all(address: SocketAddr) -> Vec<TcpStream> {
    let mut taken = Vec::new();
    while let Ok(socket) = TcpStream::connect(address) {
        taken.push(socket);
    }
    taken
}

#[tokio::test]
async fn an_operator_is_served_soon_after_the_descriptors_ran_out() {
    let pki = Pki::new();
    let lab = Lab::start(&pki).await;
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    let hard = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(open + 24), maximum: hard }).unwrap();

    let taken = take_all(lab.address);
    assert!(taken.len() > 8, "{}", taken.len());
    // The door meets its own limit now: it accepts what waits, until it cannot.
    timeout(Duration::from_millis(300), std::future::pending::<()>()).await.unwrap_err();
    drop(taken);

    let channel = client(lab.address, &pki, &pki.client(OPERATOR));
    let mut operator = AgentServiceClient::new(channel);
    let served = operator.status(StatusRequest::default());
    timeout(Duration::from_secs(10), served).await.unwrap().unwrap();
}
