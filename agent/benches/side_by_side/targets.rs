//! What ripcord promises to be, beside what people use.

/// A promise.
pub(crate) struct Target {
    pub(crate) what: &'static str,
    /// What people use; for absolute figures where the limit comes from.
    pub(crate) beside: &'static str,
    pub(crate) limit: Limit,
}

/// Where it is kept.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    /// Median at most so many times the other's.
    Times(f64),
    /// At most so much of this unit.
    AtMost(f64, &'static str),
    /// At least so much of this unit.
    AtLeast(f64, &'static str),
}

const fn times(what: &'static str, beside: &'static str, limit: f64) -> Target {
    Target { what, beside, limit: Limit::Times(limit) }
}

const fn at_most(
    what: &'static str,
    beside: &'static str,
    most: f64,
    unit: &'static str,
) -> Target {
    Target { what, beside, limit: Limit::AtMost(most, unit) }
}

const COMPOSE: &str = "the script with docker-compose";
const DOCKER_TLS: &str = "`docker ps` over mTLS";

pub(crate) static DEPLOY: Target = times("whole deploy, small change", COMPOSE, 0.54);
pub(crate) static OVERHEAD: Target =
    at_most("deploy: above the engine's restart and a probe", "", 40.0, "ms");
pub(crate) static OVERHEAD_TIMES: Target =
    times("deploy: above the engine's restart and a probe", "the engine's API by curl", 0.7);
pub(crate) static DEAF: Target = times("deploy, PID 1 deaf to its stop signal", COMPOSE, 0.06);
pub(crate) static OUTAGE: Target = times("outage under traffic, bridge network", COMPOSE, 0.55);
pub(crate) static STATUS: Target = times("`ripcord status`, cold process", DOCKER_TLS, 0.5);
pub(crate) static STATUS_SSH: Target =
    times("`ripcord status`, cold process", "`cat` by multiplexed ssh", 0.8);
pub(crate) static DUMP: Target =
    times("a log of 1,000,000 lines of 120 B, over mTLS", "`docker logs` on the machine", 0.12);
pub(crate) static READERS_RATE: Target = Target {
    what: "100 log readers: 10,000 lines/s are kept to",
    beside: "",
    limit: Limit::AtLeast(99.0, "%"),
};
pub(crate) static READERS_GAPS: Target =
    at_most("100 log readers: lines that one missed", "", 0.0, "lines");
pub(crate) static READERS_DELAY: Target = at_most("100 log readers: delay, p99", "", 100.0, "ms");
pub(crate) static READERS_MEMORY: Target =
    at_most("100 log readers: memory that they cost the agent", "", 32.0, "MiB");
pub(crate) static ROLLBACK: Target =
    times("red verdict → old version served", "a watcher that polls every 10 s", 0.25);
pub(crate) static IDLE_MEMORY: Target =
    at_most("idle agent: resident", "Komodo's periphery: 19 MB*", 10.0, "MB");
pub(crate) static IDLE_TIME: Target =
    at_most("idle agent: processor time a minute", "Komodo's periphery: 105–123 ms*", 2.0, "ms");
pub(crate) static BINARY: Target =
    at_most("the agent's stripped binary", "Komodo's periphery: 26 MB*", 11.0, "MB");
pub(crate) static FLEET: Target =
    times("status of 100 agents, cold process", "100 `docker ps` over mTLS, 20 at a time", 0.36);
pub(crate) static LARGE_GIT: Target =
    times("100,000 files, one changed: git's part", "`git fetch && git reset --hard`", 0.55);
