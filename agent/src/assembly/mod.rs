//! The composition root: from a configuration to a running agent, and to its end.

mod check;
mod diagnosis;
mod doings;
mod environment;
mod environments;
mod files;
mod github;
mod metrics;
mod promotions;
mod sinks;
mod state_dir;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use ripcord_proto::{DESCRIPTORS, v1::agent_service_server::AgentServiceServer};
use tokio::{sync::watch, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{server::NamedService as _, service::InterceptorLayer};
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::{
    adapters::git,
    config::Config,
    engine::{Certificates, Clock, Diagnosis, Engine, Retention},
    journal::JournalError,
    rpc::{
        access::{Access, AccessTable},
        limits,
        listener::{ListenError, Listener},
        peer,
        service::Service,
        tls::{Tls, TlsError},
    },
    service,
    telemetry::AgentLog,
};

use diagnosis::Whole;
use environments::Environments;
use metrics::Scraped;

pub use check::check;
pub use state_dir::StateDirError;

/// How long open streams may take to end once everything else has.
const DRAIN: Duration = Duration::from_secs(1);
/// How much more time systemd is asked for, again and again, while an interrupted deployment ends.
const RECOVERY_BEAT: Duration = Duration::from_secs(10);

/// Why the agent does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state folder.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The HTTP client, or the reflection service.
    #[error("{0}")]
    Other(String),
}

/// A driver or a monitor panicked: what it left open is finished by the next start.
#[derive(Debug, thiserror::Error)]
#[error("a part of the agent died: this is a bug; its log says where")]
pub struct Died;

/// A started agent.
pub struct Agent {
    engine: Engine,
    tasks: TaskTracker,
    /// Cancelled when a part died: the agent ends, so that its supervisor starts it anew.
    broken: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
    health: HealthReporter,
    shutdown: CancellationToken,
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    _state_dir: state_dir::Lock,
}

/// Chooses ring as the one TLS provider of the process. The first thing that a `main` does.
pub fn install_tls_provider() {
    // A second call finds the same provider in place.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl Agent {
    /// Starts everything: drivers first, then the door.
    ///
    /// # Errors
    /// When the state folder, the journal, the certificates or the address cannot be used.
    pub async fn start(
        config: Config,
        config_file: PathBuf,
        log: Arc<AgentLog>,
        shutdown: CancellationToken,
    ) -> Result<Self, StartError> {
        config.check_files().iter().for_each(|problem| tracing::warn!("{problem}"));
        let state_dir = state_dir::Lock::take(&config.state_dir)?;
        let tls = Tls::load(&config.tls)?;
        let access = Access::new(AccessTable::from_config(&config.access));
        let listener = Listener::bind(config.listen, tls.clone()).await?;
        let address =
            listener.local_addr().map_err(|error| StartError::Other(error.to_string()))?;

        git::register_transports();
        let clock = Clock::system();
        let started = environments::start(&config, log, clock).await?;
        let Environments {
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
        } = started;
        let outlets = Arc::new(outlets);
        let own = Whole {
            config: &config,
            config_file: config_file.clone(),
            tls: tls.clone(),
            github,
            outlets: &outlets,
        };
        let diagnosis = Arc::new(Diagnosis::new(diagnosis::of_agent(own), checks));
        let (tracker, broken) = (TaskTracker::new(), CancellationToken::new());
        for driver in drivers {
            tracker.spawn(keep(driver.run(shutdown.clone()), shutdown.clone(), broken.clone()));
        }
        for monitor in monitors {
            tracker.spawn(keep(monitor.run(shutdown.clone()), shutdown.clone(), broken.clone()));
        }
        if let Some(journal) = journal {
            let ends = {
                let tls = tls.clone();
                Box::new(move || tls.ends())
            };
            let certificates = Certificates { journal: journal.clone(), clock, ends };
            tracker.spawn(certificates.run(shutdown.clone()));
            let kept = config.journal.keep_days;
            if let Some(retention) = Retention::new(journal, &engine, clock, kept) {
                tracker.spawn(retention.run(shutdown.clone()));
            }
        }
        readers.spawn(&tracker, &shutdown);
        let metrics = scraped.as_ref().and_then(Scraped::address);
        if let Some(scraped) = scraped {
            scraped.spawn(&tracker, &shutdown);
        }
        tracker.close();

        tokio::spawn(tls.clone().keep_current());
        tokio::spawn(access.clone().keep_current(config_file));
        tokio::spawn(service::feed_watchdog(shutdown.clone()));
        let service = Service::new(engine.clone(), access, Arc::new(logs), outlets, tls, diagnosis);
        let (health, serving) = serve(listener, service, shutdown.clone()).await?;
        Ok(Self {
            engine,
            tasks: tracker,
            broken,
            serving,
            health,
            shutdown,
            address,
            metrics,
            _state_dir: state_dir,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says that it is ready once recovery is over, and runs until the shutdown token is cancelled.
    ///
    /// # Errors
    /// When it ended because a part of it died.
    pub async fn run_to_the_end(self) -> Result<(), Died> {
        let Self { engine, tasks, broken, serving, health, shutdown, address, metrics, _state_dir } =
            self;
        let metrics = metrics.map(tracing::field::display);
        tracing::info!(%address, metrics, version = env!("CARGO_PKG_VERSION"), "listening");
        tokio::select! {
            () = recovery(&engine) => {
                say_serving(&health, engine.driven().next().is_some()).await;
                service::ready();
                tracing::info!("ready");
                shutdown.cancelled().await;
            }
            () = shutdown.cancelled() => {}
        }
        service::stopping();
        say_serving(&health, false).await;
        tasks.wait().await;
        let abort = serving.abort_handle();
        if timeout(DRAIN, serving).await.is_err() {
            abort.abort();
        }
        tracing::info!("stopped");
        if broken.is_cancelled() { Err(Died) } else { Ok(()) }
    }
}

/// Tells health checks, those that name the service and those that name none.
async fn say_serving(health: &HealthReporter, serving: bool) {
    let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
    health.set_service_status("", status).await;
    health.set_service_status(AgentServiceServer::<Service>::NAME, status).await;
}

/// Runs a driver or a monitor; one that dies takes the agent with it, rather than leaving a zombie
/// that answers and does nothing, or watches nothing.
async fn keep(
    part: impl Future<Output = ()> + Send + 'static,
    shutdown: CancellationToken,
    broken: CancellationToken,
) {
    if tokio::spawn(part).await.is_err() {
        tracing::error!("a part of the agent died; the agent ends, and its next start goes on");
        broken.cancel();
        shutdown.cancel();
    }
}

/// Waits until every environment has finished what the last agent left open.
async fn recovery(engine: &Engine) {
    let mut pending: Vec<watch::Receiver<bool>> =
        engine.driven().map(|environment| environment.recovered.clone()).collect();
    let all = async {
        for recovered in &mut pending {
            // A driver that is gone has nothing left to recover.
            let _ = recovered.wait_for(|recovered| *recovered).await;
        }
    };
    tokio::pin!(all);
    while timeout(RECOVERY_BEAT, &mut all).await.is_err() {
        service::still_starting(RECOVERY_BEAT * 2);
    }
}

type Serving = (HealthReporter, tokio::task::JoinHandle<()>);

async fn serve(
    listener: Listener,
    service: Service,
    shutdown: CancellationToken,
) -> Result<Serving, StartError> {
    let (health, health_service) = tonic_health::server::health_reporter();
    say_serving(&health, false).await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .build_v1()
        .map_err(|error| StartError::Other(format!("reflection: {error}")))?;
    let service = AgentServiceServer::new(service).max_decoding_message_size(limits::REQUEST_BYTES);
    let router = limits::server()
        .layer(InterceptorLayer::new(peer::require))
        .add_service(service)
        .add_service(health_service)
        .add_service(reflection);
    let incoming = listener.incoming();
    let serving = tokio::spawn(async move {
        let ended = router.serve_with_incoming_shutdown(incoming, shutdown.cancelled_owned()).await;
        if let Err(error) = ended {
            tracing::error!(%error, "the server ended");
        }
    });
    Ok((health, serving))
}
