//! How an application is stopped, restarted or made to reload is what its runtime says, or refused.

#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod small_config;
}

use std::time::Duration;

use ripcord_agent::config::{ComposeAction, ReloadSignal, RuntimeConfig};
use support::small_config::{SMALL, parse, refused_with};

/// The runtime of the small configuration, written anew.
fn runtime(text: &str) -> Result<RuntimeConfig, String> {
    let written = SMALL.replace("kind = \"process\"\nrun = [\"./serve\"]", text);
    let mut config = parse(&written)?;
    Ok(config.environments.remove(&"lab".parse().unwrap()).unwrap().runtime)
}

#[test]
fn a_time_to_stop_counts_only_where_somebody_wrote_it() {
    let stop = |more: &str| {
        let compose = format!("kind = \"compose\"\nfile = \"/srv/c.yml\"{more}");
        let container = format!("kind = \"container\"\ncontainers = [\"web\"]{more}");
        let (compose, container) = (runtime(&compose).unwrap(), runtime(&container).unwrap());
        match (compose, container) {
            (RuntimeConfig::Compose(one), RuntimeConfig::Container(other)) => {
                assert_eq!(one.stop, other.stop);
                (one.stop.timeout.map(|timeout| timeout.as_secs()), one.stop.wait_for_deaf)
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(stop(""), (None, false));
    assert_eq!(stop("\nstop_timeout = \"10s\""), (Some(10), false));
    assert_eq!(stop("\nwait_for_deaf = true"), (None, true));
    let Ok(RuntimeConfig::Process(process)) = runtime("kind = \"process\"\nrun = [\"./serve\"]")
    else {
        panic!("not a process");
    };
    assert_eq!(process.stop_timeout, Duration::from_secs(10));
}

#[test]
fn a_reload_takes_a_signal_that_ends_nobody() {
    let compose = "kind = \"compose\"\nfile = \"/srv/c.yml\"\naction = \"reload\"";
    let container = "kind = \"container\"\ncontainers = [\"web\"]\naction = \"reload\"";
    for (signal, expected) in [
        ("", ReloadSignal::Hup),
        ("\nsignal = \"HUP\"", ReloadSignal::Hup),
        ("\nsignal = \"SIGUSR1\"", ReloadSignal::Usr1),
        ("\nsignal = \"USR2\"", ReloadSignal::Usr2),
    ] {
        assert!(
            matches!(runtime(&format!("{compose}{signal}")), Ok(RuntimeConfig::Compose(compose))
            if compose.action == ComposeAction::Reload(expected))
        );
        assert!(
            matches!(runtime(&format!("{container}{signal}")), Ok(RuntimeConfig::Container(it))
            if it.reload == Some(expected))
        );
    }
    let refused = |text: String| runtime(&text).unwrap_err();
    let cases = [
        refused(format!("{compose}\nsignal = \"KILL\"")),
        refused(format!("{compose}\nsignal = \"SIGSTOP\"")),
        refused(format!("{container}\nsignal = \"TERM\"")),
        refused(format!("{compose}\nsignal = \"HANGUP\"")),
        refused(format!("{}\nsignal = \"HUP\"", compose.replace("reload", "restart"))),
        refused(container.replace("reload", "recreate")),
        refused(container.replace("reload", "relaod")),
        refused_with("run = [\"./serve\"]", "run = [\"./serve\"]\naction = \"reload\""),
        refused_with("run = [\"./serve\"]", "run = [\"./serve\"]\nwait_for_deaf = true"),
    ];
    insta::assert_snapshot!(cases.join("\n"));
}
