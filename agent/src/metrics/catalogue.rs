//! Every metric there is: its name, what it counts and by which labels. Names are added, never
//! changed: dashboards and alerts outlive versions.

/// How a value behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the agent starts anew.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts of durations, by how long they were.
    Histogram,
}

impl Kind {
    /// As the text format spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// What it is, in a sentence.
    pub help: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
}

macro_rules! metrics {
    ($($constant:ident = $kind:ident $name:literal $labels:tt $help:literal;)*) => {
        $(
            pub(super) const $constant: Metric =
                Metric { name: $name, kind: Kind::$kind, help: $help, labels: &$labels };
        )*
        /// All of them, in the order of a scrape.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    BUILD = Gauge "ripcord_build_info" ["version"] "Always 1; says which version runs.";
    DEPLOYMENTS = Counter "ripcord_deployments_total" ["environment", "kind", "outcome"]
        "Deployments and rollbacks that ended since the agent started; what is undone after its end, ends twice.";
    PHASES = Histogram "ripcord_deployment_phase_seconds" ["environment", "phase"]
        "How long deployments stayed in each phase.";
    LIVE = Gauge "ripcord_live_timestamp_seconds" ["environment"]
        "When what is live went live, in seconds since 1970.";
    VALIDATED = Gauge "ripcord_validated_timestamp_seconds" ["environment"]
        "When a commit was validated last, in seconds since 1970.";
    VERDICT_WAIT = Gauge "ripcord_verdict_wait_seconds" ["environment"]
        "For how long the live commit has waited for its verdict; 0 when none is awaited.";
    UNVALIDATED = Counter "ripcord_unvalidated_live_seconds_total" ["environment"]
        "For how long commits ran that had no good verdict yet, since the agent started.";
    UP = Gauge "ripcord_up" ["environment"]
        "Whether the application was healthy when a deployment or the monitor last looked.";
    HELD = Gauge "ripcord_held" ["environment"] "Whether deployments are refused until somebody resumes them.";
    STRANDED = Gauge "ripcord_stranded" ["environment"] "Whether a human is needed now.";
    SERVED = Gauge "ripcord_environment_served" ["environment"]
        "Whether the environment has a driver; 0 when the journal cannot be used.";
    EVENTS = Counter "ripcord_journal_events_total" [] "Events in the journal, since its first.";
    SINK_LAG = Gauge "ripcord_sink_lag_seconds" ["sink"]
        "How old the oldest event is that the sink has not told yet; 0 when all is told.";
    SINK_STOPPED = Gauge "ripcord_sink_stopped" ["sink"] "Whether the sink waits for a person to put it right.";
    SINK_DELIVERED = Counter "ripcord_sink_delivered_total" ["sink"]
        "Events that the sink has told since the agent started.";
    MEMORY = Gauge "process_resident_memory_bytes" [] "Resident memory of the agent.";
    FILES = Gauge "process_open_fds" [] "Files and sockets that the agent has open.";
    STARTED = Gauge "process_start_time_seconds" [] "When the agent started, in seconds since 1970.";
}
