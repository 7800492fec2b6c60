//! Who may do what where: deny by default, asked at every call, and again while a stream is open.
//!
//! Services take an [`Authorized`], which only this module can make: a call that nobody checked
//! does not compile.

use std::{
    collections::HashMap,
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use ripcord_core::{EnvironmentName, Identity};
use tonic::{Code, Status};

use super::{
    errors::{ACCESS_DENIED, refuse_with},
    files,
    limits::STREAM_RECHECK,
    peer::Peer,
};
use crate::config::{AccessRule, Config, ConfigError, EnvironmentSelector, RightName};

/// A right, as a type: [`Deploy`], [`Rollback`], [`Hold`], [`Verdict`], [`Status`](ReadStatus), [`Logs`].
pub trait Right: sealed::Sealed + Send + Sync + 'static {
    /// The right that the configuration knows it as.
    const NAME: RightName;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! rights {
    ($($(#[$doc:meta])* $right:ident = $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub enum $right {}
        impl sealed::Sealed for $right {}
        impl Right for $right {
            const NAME: RightName = RightName::$name;
        }
    )*};
}

rights! {
    /// Put a commit live.
    Deploy = Deploy,
    /// Go back.
    Rollback = Rollback,
    /// Refuse deployments, and accept them again.
    Hold = Hold,
    /// Speak in the place of CI.
    Verdict = Verdict,
    /// See what runs, and the stories of deployments.
    ReadStatus = Status,
    /// Read the application's and the agent's log.
    Logs = Logs,
}

/// The proof that `R` was asked for and allowed.
#[derive(Debug, Clone)]
pub struct Authorized<R: Right> {
    identity: Identity,
    environment: EnvironmentName,
    right: PhantomData<R>,
}

impl<R: Right> Authorized<R> {
    /// Who was allowed.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Where.
    #[must_use]
    pub fn environment(&self) -> &EnvironmentName {
        &self.environment
    }
}

/// The proof that `R` was asked for and allowed in every environment, also in those to come.
#[derive(Debug, Clone)]
pub struct AuthorizedEverywhere<R: Right> {
    identity: Identity,
    right: PhantomData<R>,
}

impl<R: Right> AuthorizedEverywhere<R> {
    /// Who was allowed.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
}

/// No rule allows it. Says nothing about whether the environment exists.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no rule allows {identity} to use `{}` on {environment}: add it to [[access]] in the agent's configuration",
    right.as_str()
)]
pub struct Denied {
    identity: Identity,
    right: RightName,
    /// An environment's name, or `*`.
    environment: String,
}

impl From<Denied> for Status {
    fn from(denied: Denied) -> Self {
        let message = denied.to_string();
        let particulars = HashMap::from([
            ("identity".to_owned(), denied.identity.to_string()),
            ("right".to_owned(), denied.right.as_str().to_owned()),
            ("environment".to_owned(), denied.environment),
        ]);
        refuse_with(Code::PermissionDenied, ACCESS_DENIED, message, particulars)
    }
}

/// The rules, as a value.
#[derive(Debug, Clone, Default)]
pub struct AccessTable {
    rules: Vec<AccessRule>,
}

impl AccessTable {
    /// The table with these rules; none allow nothing.
    #[must_use]
    pub fn from_config(rules: &[AccessRule]) -> Self {
        Self { rules: rules.to_vec() }
    }

    /// Whether one of the rules allows it; rules add up, and none takes away.
    #[must_use]
    pub fn allows(
        &self,
        identity: &Identity,
        right: RightName,
        environment: &EnvironmentName,
    ) -> bool {
        self.grants(identity, right).any(|selector| selector.matches(environment))
    }

    fn grants<'t>(
        &'t self,
        identity: &'t Identity,
        right: RightName,
    ) -> impl Iterator<Item = &'t EnvironmentSelector> {
        let rules = self.rules.iter().filter(move |rule| rule.identity.matches(identity));
        let allowed = rules.flat_map(|rule| rule.allow.iter());
        allowed.filter(move |(_, rights)| rights.contains(&right)).map(|(selector, _)| selector)
    }
}

/// The rules that hold now.
#[derive(Debug)]
pub struct Access {
    table: ArcSwap<AccessTable>,
}

impl Access {
    /// Access by these rules.
    #[must_use]
    pub fn new(table: AccessTable) -> Arc<Self> {
        Arc::new(Self { table: ArcSwap::from_pointee(table) })
    }

    /// Lets these rules hold from now on.
    pub fn replace(&self, table: AccessTable) {
        self.table.store(Arc::new(table));
    }

    /// Takes over `[[access]]` from the configuration at `path`, for open streams too.
    ///
    /// # Errors
    /// When anything in the configuration is wrong; then nothing has changed.
    pub fn reload(&self, path: &Path) -> Result<(), ConfigError> {
        self.replace(AccessTable::from_config(&Config::load(path)?.access));
        Ok(())
    }

    /// Reloads whenever the configuration at `path` changes. Never ends.
    pub async fn keep_current(self: Arc<Self>, path: PathBuf) {
        files::on_change(vec![path.clone()], move || match self.reload(&path) {
            Ok(()) => tracing::info!("[[access]] is in use as the configuration is now"),
            Err(error) => tracing::error!(%error, "configuration changed and the old rules stay"),
        })
        .await;
    }

    /// Whether `peer` may use `R` on `environment`.
    ///
    /// # Errors
    /// When no rule allows it.
    pub fn authorize<R: Right>(
        &self,
        peer: &Peer,
        environment: &EnvironmentName,
    ) -> Result<Authorized<R>, Denied> {
        let identity = peer.identity().clone();
        if self.table.load().allows(&identity, R::NAME, environment) {
            let environment = environment.clone();
            return Ok(Authorized { identity, environment, right: PhantomData });
        }
        Err(Denied { identity, right: R::NAME, environment: environment.to_string() })
    }

    /// Everything that `peer` may do in `environment`.
    #[must_use]
    pub fn rights(&self, peer: &Peer, environment: &EnvironmentName) -> Vec<RightName> {
        let table = self.table.load();
        let allowed = |right: &RightName| table.allows(peer.identity(), *right, environment);
        RightName::ALL.into_iter().filter(allowed).collect()
    }

    /// Whether `peer` may use `R` everywhere: what concerns the agent itself concerns all environments.
    ///
    /// # Errors
    /// When no rule allows it for `"*"`.
    pub fn authorize_everywhere<R: Right>(
        &self,
        peer: &Peer,
    ) -> Result<AuthorizedEverywhere<R>, Denied> {
        let identity = peer.identity().clone();
        let table = self.table.load();
        if table.grants(&identity, R::NAME).any(|selector| *selector == EnvironmentSelector::All) {
            return Ok(AuthorizedEverywhere { identity, right: PhantomData });
        }
        Err(Denied { identity, right: R::NAME, environment: "*".to_owned() })
    }

    /// Those of `environments` whose status `peer` may see.
    pub fn visible<'e>(
        &self,
        peer: &Peer,
        environments: impl IntoIterator<Item = &'e EnvironmentName>,
    ) -> Vec<Authorized<ReadStatus>> {
        let allowed = |environment| self.authorize::<ReadStatus>(peer, environment).ok();
        environments.into_iter().filter_map(allowed).collect()
    }

    /// Waits until `peer` is not allowed to use `R` on `environment` any more, because its
    /// certificate or the rules changed, and says why: run it beside a long stream and end that with it.
    pub async fn withdrawn<R: Right>(
        self: Arc<Self>,
        peer: Peer,
        environment: EnvironmentName,
    ) -> Status {
        self.until(peer, move |access, peer| access.authorize::<R>(peer, &environment).map(drop))
            .await
    }

    /// As [`Self::withdrawn`], for what is allowed everywhere.
    pub async fn withdrawn_everywhere<R: Right>(self: Arc<Self>, peer: Peer) -> Status {
        self.until(peer, |access, peer| access.authorize_everywhere::<R>(peer).map(drop)).await
    }

    async fn until(&self, peer: Peer, ask: impl Fn(&Self, &Peer) -> Result<(), Denied>) -> Status {
        loop {
            tokio::time::sleep(STREAM_RECHECK).await;
            let verdict = peer.check().and_then(|()| ask(self, &peer).map_err(Status::from));
            if let Err(status) = verdict {
                return status;
            }
        }
    }
}
