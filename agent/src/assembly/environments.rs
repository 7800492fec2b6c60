//! The environments of the configuration: each with its driver where the journal can be read, and
//! without one, but with the reason, where only a person can help.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use ripcord_core::{CommitSha, Environment, EnvironmentName};
use tokio::sync::watch;

use super::{
    StartError, diagnosis, environment::Builder, github, metrics::Scraped, promotions,
    sinks::Readers,
};
use crate::{
    adapters::{git, github::Github, validated_file},
    causes::with_causes,
    config::{Config, EnvironmentConfig},
    engine::{Check, Clock, Driver, Engine, EnvironmentHandle, Monitor, Place, Setup, Stopped},
    journal::{self, Journal, JournalError},
    logs::{LogHub, Restarts},
    notify::Outlets,
    ports::LogSource,
    rpc::stream_logs::Logs,
    telemetry::AgentLog,
};

/// What was made of the configuration; the drivers do not run yet.
pub(super) struct Environments {
    pub(super) engine: Engine,
    pub(super) drivers: Vec<Driver>,
    pub(super) monitors: Vec<Monitor>,
    /// None where it cannot be used.
    pub(super) journal: Option<Journal>,
    pub(super) readers: Readers,
    pub(super) logs: Logs,
    pub(super) outlets: Outlets,
    pub(super) scraped: Option<Scraped>,
    /// What a diagnosis looks at, by environment.
    pub(super) checks: BTreeMap<EnvironmentName, Vec<Check>>,
    pub(super) github: Option<Github>,
}

/// Makes all environments. A journal that stays unreadable until a person helps is no reason to stay
/// away: `status` says what is wrong, and nothing is done meanwhile.
pub(super) async fn start(
    config: &Config,
    log: Arc<AgentLog>,
    clock: Clock,
) -> Result<Environments, StartError> {
    let http = git::http_client::build(config.extra_ca.as_deref())
        .map_err(|failure| StartError::Other(failure.message))?;
    let github = config.github.as_ref().map(|config| github::client(config, http.clone()));
    let builder = Builder::new(config, http, github.clone(), clock);
    let file = journal::file_in(&config.state_dir);
    let journal = or_why(Journal::open(&file), &file)?;
    let readers = match &journal {
        Ok(journal) => Readers::open(config, journal, github.clone()).await?,
        Err(_) => Readers::default(),
    };
    let (mut places, mut drivers, mut monitors) = (Vec::new(), Vec::new(), Vec::new());
    let (mut applications, mut checks) = (BTreeMap::new(), BTreeMap::new());
    for environment in promotions::sources_first(config) {
        let driven = match &journal {
            Ok(journal) => {
                let promotion = promotions::promotion(environment, &places, journal);
                let setup = builder.setup(environment, journal.clone(), promotion);
                or_why(drive(environment, setup).await, &file)?
            }
            Err(why) => Err(why.clone()),
        };
        let (place, hub) = match driven {
            Ok((driver, place, hub)) => {
                drivers.push(driver);
                monitors.extend(monitor(environment, &place, clock));
                (place, hub)
            }
            Err(why) => stop(&builder, environment, why),
        };
        applications.insert(environment.name.clone(), hub);
        let looks = diagnosis::of_environment(environment, &place);
        checks.insert(environment.name.clone(), looks);
        places.push(place);
    }
    let logs = Logs { agent: unmarked(log), applications };
    let outlets = readers.outlets();
    let (engine, journal) = (Engine::new(places), journal.ok());
    let scraped = match config.metrics {
        Some(address) => {
            let sinks = readers.health();
            Scraped::open(address, journal.as_ref(), &engine, sinks, clock).await?
        }
        None => None,
    };
    Ok(Environments {
        engine,
        drivers,
        monitors,
        journal,
        readers,
        logs,
        outlets,
        scraped,
        checks,
        github,
    })
}

/// Why something cannot be had until a person helps; an error for what may pass by itself.
fn or_why<T>(
    answer: Result<T, JournalError>,
    file: &Path,
) -> Result<Result<T, String>, JournalError> {
    let error = match answer {
        Ok(value) => return Ok(Ok(value)),
        Err(error) => error,
    };
    let Some(remedy) = error.remedy() else { return Err(error) };
    let (file, causes) = (file.display(), with_causes(&error));
    Ok(Err(format!("{causes} ({file}): {remedy}, then restart the agent")))
}

async fn drive(
    config: &EnvironmentConfig,
    setup: Setup,
) -> Result<(Driver, Place, Arc<LogHub>), JournalError> {
    let source = setup.parts.runtime.logs();
    let (driver, handle) = Driver::new(setup).await?;
    let (journal, name) = (handle.journal().clone(), handle.name.clone());
    let restarts = Restarts::follow(journal, name, handle.state.clone()).await?;
    if let Some(file) = &config.validated_sha_file {
        tokio::spawn(validated_file::keep(file.clone(), validated_commit(&handle)));
    }
    Ok((driver, Place::Driven(handle), LogHub::new(source, restarts)))
}

/// What looks at the environment although nothing happens, where that is asked for.
fn monitor(config: &EnvironmentConfig, place: &Place, clock: Clock) -> Option<Monitor> {
    let (Place::Driven(environment), Some(turns)) = (place, &config.health.monitor) else {
        return None;
    };
    Some(Monitor::new(environment.clone(), turns.clone(), config.health.interval, clock))
}

fn stop(builder: &Builder, config: &EnvironmentConfig, why: String) -> (Place, Arc<LogHub>) {
    tracing::error!(environment = %config.name, "not served: {why}");
    let (about, source) = builder.undriven(config);
    let stopped = Stopped { name: config.name.clone(), about, why };
    (Place::Stopped(stopped), unmarked(source))
}

/// A log in which no deployment is marked.
fn unmarked(source: Arc<dyn LogSource>) -> Arc<LogHub> {
    let (_, never) = watch::channel(Arc::default());
    LogHub::new(source, never)
}

/// Which commit is validated, for the file in which old habits look for it.
fn validated_commit(environment: &EnvironmentHandle) -> watch::Receiver<Option<CommitSha>> {
    let newest = |state: &Environment| state.newest_validated().map(|newest| newest.sha);
    let mut state = environment.state.clone();
    let (out, validated) = watch::channel(newest(&state.borrow()));
    tokio::spawn(async move {
        while state.changed().await.is_ok() {
            let now = newest(&state.borrow_and_update());
            out.send_if_modified(|last| std::mem::replace(last, now) != now);
        }
    });
    validated
}
