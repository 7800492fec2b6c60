//! The kernel's neighbour tables as `ip` shows them.

use std::{net::UdpSocket, process::Command};

use crate::support::docker::until;

/// The entry of this address, such as `192.0.2.2 lladdr 02:… STALE`; empty where there is none.
pub(crate) fn entry(interface: &str, address: &str) -> String {
    let shown = Command::new("ip")
        .args(["neigh", "show", "nud", "all", "dev", interface, "to", address])
        .output();
    String::from_utf8(shown.unwrap().stdout).unwrap().trim().to_owned()
}

/// Asks for an address that nobody has until the kernel gives up. Asks again where the entry goes
/// meanwhile: the kernel forgets all of a bridge some time after the last container left it.
pub(crate) async fn fail(interface: &str, address: &str) {
    let v6 = address.contains(':');
    let from = UdpSocket::bind(if v6 { "[::]:0" } else { "0.0.0.0:0" }).unwrap();
    let to = if v6 { format!("[{address}]:9") } else { format!("{address}:9") };
    until("given up", async || {
        let now = entry(interface, address);
        if now.is_empty() {
            from.send_to(b"anybody?", &to).unwrap();
        }
        now.ends_with("FAILED")
    })
    .await;
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &str) {
    let mut words = command.split_whitespace();
    let output = Command::new(words.next().unwrap()).args(words).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}
