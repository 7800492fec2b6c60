//! What is looked at of the agent itself.

use std::{path::PathBuf, sync::Arc};

use ripcord_core::{Ends, Timestamp};

use super::{blocking, disk, github, problems, sinks};
use crate::{
    adapters::github::Github,
    causes::with_causes,
    config::Config,
    engine::{Check, Seen},
    journal::{self, JournalError},
    notify::Outlets,
    rpc::tls::Tls,
};

/// What the agent is made of, as far as a diagnosis looks at it.
pub(in crate::assembly) struct Whole<'a> {
    pub(in crate::assembly) config: &'a Config,
    pub(in crate::assembly) config_file: PathBuf,
    pub(in crate::assembly) tls: Arc<Tls>,
    pub(in crate::assembly) github: Option<Github>,
    pub(in crate::assembly) outlets: &'a Arc<Outlets>,
}

/// The checks of the agent itself.
pub(in crate::assembly) fn of_agent(whole: Whole<'_>) -> Vec<Check> {
    let Whole { config, config_file, tls, github, outlets } = whole;
    let state_dir = config.state_dir.clone();
    let mut checks = vec![
        configuration(config_file),
        files(config),
        certificates(tls),
        journal(journal::file_in(&state_dir).to_path_buf()),
        disk::check(vec![("state_dir", state_dir)]),
    ];
    let github = config.github.as_ref().zip(github);
    checks.extend(github.into_iter().flat_map(|(config, client)| github::checks(config, &client)));
    checks.extend(sinks::checks(outlets));
    checks
}

/// The file as it is now, which may not be the one that the agent was started with.
fn configuration(file: PathBuf) -> Check {
    let fix =
        "correct the file until `ripcord-agent check-config` is content, then restart the agent";
    Check::new("configuration", fix, move || {
        let file = file.clone();
        blocking(move || match Config::load(&file) {
            Ok(_) => Seen::fine(format!("{} is well written", file.display())),
            Err(error) => Seen::failed(with_causes(&error)),
        })
    })
}

/// Certificates, secrets and folders that the configuration names.
fn files(config: &Config) -> Check {
    let fix = "put it there, correct the key, or give the agent's user the right";
    let config = config.clone();
    Check::new("files", fix, move || {
        let config = config.clone();
        let fine = "all that its configuration names can be used";
        blocking(move || problems(&config.agents_own_files(), fine))
    })
}

fn certificates(tls: Arc<Tls>) -> Check {
    let fix =
        "renew it with `ripcord certs`, and write it to where [tls] says: no restart is needed";
    Check::new("certificates", fix, move || {
        let seen = ending(&tls.ends(), Timestamp(jiff::Timestamp::now().as_millisecond()));
        async move { seen }
    })
}

fn ending(ends: &[Ends], now: Timestamp) -> Seen {
    let told = |each: &Ends| format!("{}: {} days left", each.whose, each.days_left(now));
    let all = |of: &mut dyn Iterator<Item = &Ends>| of.map(told).collect::<Vec<_>>().join("; ");
    if ends.iter().any(|each| each.days_left(now) <= 0) {
        return Seen::failed(all(&mut ends.iter().filter(|each| each.days_left(now) <= 0)));
    }
    if ends.iter().any(|each| each.is_near(now)) {
        return Seen::warning(all(&mut ends.iter().filter(|each| each.is_near(now))));
    }
    Seen::fine(all(&mut ends.iter()))
}

fn journal(file: PathBuf) -> Check {
    Check::new("journal", "look at the disk, and at the rights of state_dir", move || {
        let file = file.clone();
        blocking(move || match journal::inspect(&file) {
            Ok(()) => Seen::fine(format!("{} is sound", file.display())),
            Err(error) => unsound(&error),
        })
    })
}

fn unsound(error: &JournalError) -> Seen {
    let seen = Seen::failed(with_causes(error));
    match error.remedy() {
        Some(remedy) => seen.fix(format!("{remedy}, then restart the agent")),
        None => seen,
    }
}
