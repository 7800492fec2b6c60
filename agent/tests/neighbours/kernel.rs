//! What is done to the kernel's tables, in a network namespace of the test's own.

use std::{env, io::ErrorKind, net::IpAddr, process::Command, thread};

use ripcord_agent::{
    adapters::neighbour::KernelNeighbours,
    ports::{Neighbour, Neighbours},
};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

use crate::table::{entry, fail, run};

const ALONE: &str = "RIPCORD_TEST_IN_A_NAMESPACE";
const MAC: [u8; 6] = [0x02, 0x42, 0xc0, 0x00, 0x02, 0x02];

/// Runs this test again, alone in a new network; `true` in there.
fn alone(test: &str) -> bool {
    if env::var_os(ALONE).is_some() {
        for command in [
            "ip link set lo up",
            "ip link add bridge0 type bridge",
            "ip link add inside type veth peer name outside",
            "ip link set outside master bridge0",
            "ip link set inside up",
            "ip link set outside up",
            "ip link set bridge0 up",
            "ip address add 192.0.2.1/24 dev bridge0",
            "ip address add 2001:db8::1/64 dev bridge0 nodad",
        ] {
            run(command);
        }
        return true;
    }
    let unshare = |what: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net"]).args(what);
        command
    };
    if !unshare(&["true"]).output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: this user may not make network namespaces");
        return false;
    }
    let this = env::current_exe().unwrap();
    let mut again = unshare(&[this.to_str().unwrap(), "--exact", test, "--nocapture"]);
    let output = again.env(ALONE, "yes").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "no such test: {said}");
    false
}

fn at(address: &str) -> Neighbour {
    let address: IpAddr = address.parse().unwrap();
    Neighbour { interface: "bridge0".to_owned(), address, mac: MAC }
}

#[tokio::test]
async fn an_entry_that_nobody_answered_for_says_at_once_who_does() {
    if !alone("kernel::an_entry_that_nobody_answered_for_says_at_once_who_does") {
        return;
    }
    let kernel = KernelNeighbours::default();
    assert!(kernel.may_correct() && kernel.has("bridge0"));
    for (address, other) in [("192.0.2.2", "192.0.2.3"), ("2001:db8::2", "2001:db8::3")] {
        fail("bridge0", address).await;
        fail("bridge0", other).await;
        assert!(kernel.correct(&at(address)).unwrap());
        let corrected = entry("bridge0", address);
        assert!(corrected.ends_with("lladdr 02:42:c0:00:02:02 STALE"), "{corrected}");
        assert!(entry("bridge0", other).ends_with("FAILED"), "it is nobody's business");
    }
}

#[tokio::test]
async fn what_somebody_answered_for_or_wrote_stays_and_nothing_is_made() {
    if !alone("kernel::what_somebody_answered_for_or_wrote_stays_and_nothing_is_made") {
        return;
    }
    let kernel = KernelNeighbours::default();
    for state in ["permanent", "reachable", "stale", "noarp"] {
        run(&format!(
            "ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:09 nud {state} dev bridge0"
        ));
        assert!(!kernel.correct(&at("192.0.2.2")).unwrap(), "{state}");
        let kept = entry("bridge0", "192.0.2.2");
        assert!(kept.contains("lladdr 02:00:00:00:00:09"), "{state}: {kept}");
    }
    assert!(!kernel.correct(&at("192.0.2.7")).unwrap());
    assert_eq!(entry("bridge0", "192.0.2.7"), "");
    let elsewhere = Neighbour { interface: "br-0123456789ab".to_owned(), ..at("192.0.2.7") };
    assert!(!kernel.has(&elsewhere.interface));
    assert!(!kernel.correct(&elsewhere).unwrap(), "another machine's bridge");
}

#[tokio::test]
async fn who_has_not_the_right_knows_it_and_does_not_try_again_after_a_refusal() {
    if !alone("kernel::who_has_not_the_right_knows_it_and_does_not_try_again_after_a_refusal") {
        return;
    }
    fail("bridge0", "192.0.2.2").await;
    let kernel = KernelNeighbours::default();
    thread::scope(|scope| {
        // Rights are a thread's own.
        scope.spawn(|| {
            let mut less = capabilities(None).unwrap();
            less.effective.remove(CapabilitySet::NET_ADMIN);
            set_capabilities(None, less).unwrap();
            assert!(!kernel.may_correct());
            let refused = kernel.correct(&at("192.0.2.2")).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::PermissionDenied, "{refused}");
        });
    });
    assert!(!kernel.may_correct(), "it was refused, whatever the capability says");
    assert!(entry("bridge0", "192.0.2.2").ends_with("FAILED"));
}
