//! The compose program: removes a project's containers and makes new ones, as its file says now.

use std::{path::Path, time::Duration};

use ripcord_core::{Failure, FailureKind};

use super::command::{self, CommandSpec};
use crate::ports::Reporter;

/// How long `down` may take beyond the containers' own time to stop.
const DOWN: Duration = Duration::from_secs(120);

/// How long `up` may take: images may have to be built or pulled.
const UP: Duration = Duration::from_secs(15 * 60);

/// How long the plugin may take to say that it is there.
const PRESENCE: Duration = Duration::from_secs(10);

/// The compose program, on one project.
#[derive(Debug, Clone, Copy)]
pub(super) struct ComposeProgram<'a> {
    /// The compose file.
    pub(super) file: &'a Path,
    /// The project's name, when it is not the one that compose chooses.
    pub(super) project: Option<&'a str>,
    /// Docker's socket.
    pub(super) socket: &'a Path,
}

impl ComposeProgram<'_> {
    /// Whether file and program are there.
    pub(super) async fn preflight(&self) -> Result<(), Failure> {
        if !self.file.is_file() {
            let file = self.file.display();
            return Err(failure(format!("the compose file {file} does not exist")));
        }
        self.program().await.map(drop)
    }

    /// `down`: removes the containers that the file names, and their network. Each may take `grace` to
    /// stop, or its own time if that is `None`; all of them take `stops` at most.
    pub(super) async fn down(
        &self,
        grace: Option<Duration>,
        stops: Duration,
        reporter: &Reporter,
    ) -> Result<(), Failure> {
        let program = self.program().await?;
        let seconds = |grace: Duration| grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
        let grace = grace.map(|grace| seconds(grace).to_string());
        let mut down = vec!["down"];
        if let Some(grace) = &grace {
            down.extend(["-t", grace]);
        }
        self.run(&program, &down, DOWN + stops, reporter).await
    }

    /// `up -d`: makes and starts what the file says.
    pub(super) async fn up(&self, reporter: &Reporter) -> Result<(), Failure> {
        let program = self.program().await?;
        self.run(&program, &["up", "-d"], UP, reporter).await
    }

    /// Whether the file is one that the program can work with.
    pub(super) async fn understands(&self) -> bool {
        let (nobody, _) = Reporter::channel(1);
        let Ok(program) = self.program().await else { return false };
        self.run(&program, &["config", "-q"], PRESENCE, &nobody).await.is_ok()
    }

    async fn run(
        &self,
        program: &[&str],
        arguments: &[&str],
        timeout: Duration,
        reporter: &Reporter,
    ) -> Result<(), Failure> {
        let file = self.file.to_string_lossy();
        let project = self.project.map(|project| ["-p", project]);
        let argv = program.iter().copied().chain(["-f", &*file]);
        let argv = argv.chain(project.into_iter().flatten()).chain(arguments.iter().copied());
        let spec = self.spec(argv, timeout);
        command::run(spec, reporter).await.map_err(|error| {
            let verb = arguments.first().copied().unwrap_or_default();
            failure(format!("compose {verb}: {}", error.into_failure(FailureKind::Runtime)))
        })
    }

    fn spec<'b>(&self, argv: impl Iterator<Item = &'b str>, timeout: Duration) -> CommandSpec {
        CommandSpec {
            argv: argv.map(str::to_owned).collect(),
            cwd: self.file.parent().unwrap_or(Path::new("/")).to_owned(),
            env: vec![("DOCKER_HOST".to_owned(), format!("unix://{}", self.socket.display()))],
            timeout,
            source: "compose".to_owned(),
        }
    }

    /// The plugin where there is one, else the older program of its own.
    async fn program(&self) -> Result<Vec<&'static str>, Failure> {
        let (nobody, _) = Reporter::channel(1);
        let plugin = self.spec(["docker", "compose", "version"].into_iter(), PRESENCE);
        if command::run(plugin, &nobody).await.is_ok() {
            return Ok(vec!["docker", "compose"]);
        }
        if command::is_in_path(Path::new("docker-compose")) {
            return Ok(vec!["docker-compose"]);
        }
        Err(failure(
            "neither `docker compose` nor `docker-compose` can be run: install one of them, \
             or set action = \"restart\""
                .to_owned(),
        ))
    }
}

fn failure(message: String) -> Failure {
    Failure::new(FailureKind::Runtime, message)
}
