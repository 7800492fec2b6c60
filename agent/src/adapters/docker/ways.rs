//! Lets requests reach a container as soon as it is back.
//!
//! A request that comes while a container on a bridge is down makes this machine ask who has its
//! address. Nobody does, and the kernel asks again only after a second: for so long nobody reaches a
//! container that runs already, neither through Docker's proxy nor from outside. So the kernel is
//! told. Nothing here may fail a deployment, or hold it up; where the networks are not this machine's
//! (no bridge, another machine, rootless), nothing is done.

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bollard::models::{ContainerInspectResponse, EndpointSettings, NetworkInspect};
use futures_util::future::join_all;
use tokio::{task::spawn_blocking, time::timeout};

use super::{
    Containers,
    deaf::Processes,
    engine::Engine,
    select::{Found, find},
};
use crate::ports::{Advice, Neighbour, Neighbours, Reporter};

/// The kernel asks by itself after a second: later there is nothing to win.
const PATIENCE: Duration = Duration::from_millis(500);

/// The option with which a bridge has another name than Docker would give it.
const BRIDGE_NAME: &str = "com.docker.network.bridge.name";

/// How a bridge is named after its network's id.
const PREFIX: &str = "br-";

/// So much of the id is in the name.
const ID_IN_NAME: usize = 12;

/// The ways from this machine to the containers of an environment.
#[derive(Default)]
pub(super) struct Ways {
    /// None: nobody is told.
    neighbours: Option<Arc<dyn Neighbours>>,
    /// The bridge of each network by the network's id, which never gets another; none where it has none.
    bridges: Mutex<HashMap<String, Option<String>>>,
    /// It was said once that something is odd.
    remarked: AtomicBool,
}

impl Ways {
    pub(super) fn of(neighbours: Arc<dyn Neighbours>) -> Self {
        Self { neighbours: Some(neighbours), ..Self::default() }
    }

    /// Notes beforehand what need not be asked once the container is back.
    pub(super) async fn learn(&self, engine: &Engine, look: &ContainerInspectResponse) {
        if self.teller().is_some() {
            let _ = timeout(PATIENCE, self.bridges_of(engine, look)).await;
        }
    }

    /// Tells this machine who answers for the addresses of a container that was just started.
    pub(super) async fn clear(&self, engine: &Engine, container: &Found, reporter: &Reporter) {
        let Some(neighbours) = self.teller() else { return };
        let told = timeout(PATIENCE, async {
            // A container that is gone again, or a Docker that is, is seen by whoever looks next.
            let Ok(look) = engine.inspect(&container.id).await else { return Ok(()) };
            let there = self.neighbours_of(engine, &look).await;
            let neighbours = Arc::clone(neighbours);
            let tell = spawn_blocking(move || {
                there.iter().try_for_each(|each| neighbours.correct(each).map(drop))
            });
            tell.await.unwrap_or_else(|error| Err(io::Error::other(error)))
        });
        if let Ok(Err(error)) = told.await
            && error.kind() != io::ErrorKind::PermissionDenied
            && !self.remarked.swap(true, Ordering::Relaxed)
        {
            let remark = format!("the kernel could not be told that {} is back", container.source);
            reporter
                .remark(format!("{remark}: {error}; the first requests may wait a second"))
                .await;
        }
    }

    /// What a right that is missing costs, where there is something to win by it.
    pub(super) async fn advice(&self, engine: &Engine, containers: &Containers) -> Option<Advice> {
        let neighbours = self.neighbours.as_ref().filter(|it| !it.may_correct())?;
        let found = find(engine, containers).await.ok()?;
        let looks = join_all(found.iter().map(|each| engine.inspect(&each.id))).await;
        for look in looks.iter().flatten() {
            let bridges = self.bridges_of(engine, look).await;
            if bridges.iter().any(|(bridge, _)| neighbours.has(bridge)) {
                return Some(missing_right());
            }
        }
        None
    }

    /// Who is told, where telling is of use.
    fn teller(&self) -> Option<&Arc<dyn Neighbours>> {
        self.neighbours.as_ref().filter(|neighbours| neighbours.may_correct())
    }

    async fn neighbours_of(
        &self,
        engine: &Engine,
        look: &ContainerInspectResponse,
    ) -> Vec<Neighbour> {
        let bridges = self.bridges_of(engine, look).await;
        bridges.into_iter().flat_map(|(bridge, endpoint)| behind(&bridge, endpoint)).collect()
    }

    /// The bridges of this machine that the container is at, each with its endpoint there.
    async fn bridges_of<'l>(
        &self,
        engine: &Engine,
        look: &'l ContainerInspectResponse,
    ) -> Vec<(String, &'l EndpointSettings)> {
        // A name that Docker did not make of the id may be that of another engine's bridge: only a
        // container whose process runs here is behind the one of this machine.
        let is_here = Processes::default().pid(look).is_some();
        let networks = look.network_settings.as_ref().and_then(|it| it.networks.as_ref());
        let mut bridges = Vec::new();
        for endpoint in networks.into_iter().flat_map(HashMap::values) {
            let id = endpoint.network_id.as_deref().filter(|id| !id.is_empty());
            if let Some(id) = id
                && let Some(bridge) = self.bridge(engine, id).await
                && (is_here || is_made_of(id, &bridge))
            {
                bridges.push((bridge, endpoint));
            }
        }
        bridges
    }

    async fn bridge(&self, engine: &Engine, network: &str) -> Option<String> {
        let known = || self.bridges.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bridge) = known().get(network) {
            return bridge.clone();
        }
        let bridge = match bridge_of(&engine.network(network).await.ok()?) {
            // Without root, such a name is one in a network of the engine's own.
            Some(bridge) if !is_made_of(network, &bridge) => {
                (!engine.is_rootless().await.ok()?).then_some(bridge)
            }
            bridge => bridge,
        };
        known().insert(network.to_owned(), bridge.clone());
        bridge
    }
}

/// The interface of a network, where it is a bridge.
fn bridge_of(network: &NetworkInspect) -> Option<String> {
    let id = network.id.as_deref().filter(|_| network.driver.as_deref() == Some("bridge"))?;
    let named = network.options.as_ref().and_then(|options| options.get(BRIDGE_NAME));
    match named {
        Some(name) if !name.is_empty() => Some(name.clone()),
        Some(_) | None => Some(format!("{PREFIX}{}", id.get(..ID_IN_NAME)?)),
    }
}

/// Whether Docker made the bridge's name of the network's id, which no other engine has.
fn is_made_of(network: &str, bridge: &str) -> bool {
    bridge.strip_prefix(PREFIX).is_some_and(|id| id.len() == ID_IN_NAME && network.starts_with(id))
}

/// Who answers at this endpoint; nobody where the container does not run.
fn behind(bridge: &str, endpoint: &EndpointSettings) -> Vec<Neighbour> {
    let Some(mac) = endpoint.mac_address.as_deref().and_then(parse_mac) else { return Vec::new() };
    let addresses = [&endpoint.ip_address, &endpoint.global_ipv6_address];
    let addresses = addresses.into_iter().flatten().filter_map(|text| text.parse::<IpAddr>().ok());
    addresses.map(|address| Neighbour { interface: bridge.to_owned(), address, mac }).collect()
}

fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let bytes = text.split(':').map(|byte| u8::from_str_radix(byte, 16).ok());
    bytes.collect::<Option<Vec<u8>>>()?.try_into().ok()
}

fn missing_right() -> Advice {
    Advice {
        what: "after a restart, requests may wait up to a second longer than the container needs, \
               because the agent may not tell the kernel that it is back"
            .to_owned(),
        how: "give the agent CAP_NET_ADMIN: `AmbientCapabilities=CAP_NET_ADMIN` in its unit"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(json: &str) -> Option<String> {
        bridge_of(&serde_json::from_str(json).expect("parses"))
    }

    #[test]
    fn only_a_bridge_has_one_and_its_own_name_counts() {
        let bridge = r#"{"Id":"9fa17f0b4a6bdeadbeef","Driver":"bridge"}"#;
        assert_eq!(network(bridge).as_deref(), Some("br-9fa17f0b4a6b"));
        let named = r#"{"Id":"9fa17f0b4a6bdeadbeef","Driver":"bridge",
            "Options":{"com.docker.network.bridge.name":"docker0"}}"#;
        assert_eq!(network(named).as_deref(), Some("docker0"));
        for driver in ["host", "null", "macvlan", "ipvlan", "overlay"] {
            assert_eq!(network(&bridge.replace("bridge", driver)), None, "{driver}");
        }
    }

    #[test]
    fn a_container_that_does_not_run_answers_for_nothing() {
        let stopped =
            r#"{"NetworkID":"9fa1","IPAddress":"","MacAddress":"","GlobalIPv6Address":""}"#;
        let endpoint = serde_json::from_str(stopped).expect("parses");
        assert_eq!(behind("br-9fa1", &endpoint), []);
        let running = r#"{"IPAddress":"192.0.2.7","MacAddress":"02:42:c0:00:02:07",
            "GlobalIPv6Address":"2001:db8::7"}"#;
        let endpoint = serde_json::from_str(running).expect("parses");
        let mac = [0x02, 0x42, 0xc0, 0x00, 0x02, 0x07];
        let there = ["192.0.2.7", "2001:db8::7"].map(|address| Neighbour {
            interface: "br-9fa1".to_owned(),
            address: address.parse().expect("an address"),
            mac,
        });
        assert_eq!(behind("br-9fa1", &endpoint), there);
    }
}
