//! `ripcord check`: the checks of `ripcord.toml`, the same on a laptop, in a workflow and on the
//! agent. It asks no agent.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;
use serde_json::{Value, json};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use crate::{
    check::{
        annotations, markdown,
        plan::{self, Group},
        process::Surroundings,
        report::{self, Report, Verdict},
        run::{self, Ended, Wishes},
        summary, tell,
    },
    commands::check_config,
    config::{self, document},
    context::Context,
    exit::Exit,
    failure::Failure,
    out,
    render::{sanitize::sanitize, table},
    tell::in_github_actions,
};

const AFTER_HELP: &str = "\
Examples:
  ripcord check                  the only group, or the one of default_environment
  ripcord check preprod          before the push: what CI will run
  ripcord check preprod --fix    let the tools that can repair do so, then check
  ripcord check --list           what there is
  ripcord check preprod --json   one object, for programs
  ripcord check --config         judge ripcord.toml, the workflows and the compose files

A group of ripcord.toml:
  [checks.preprod]
  dir   = \"10_preprod\"                        from the repository's root
  setup = [\"pip install -e .[dev]\"]           once, before the jobs
  [[checks.preprod.jobs]]
  name  = \"Format\"
  run   = \"black --check src/\"                a line of sh, in the group's dir
  fix   = \"black src/\"                        with --fix
  [[checks.preprod.jobs]]
  name  = \"Tests\"
  run   = \"pytest --cov-fail-under=90\"
  needs = [\"Format\"]                          skipped when one of them failed
  timeout = \"10m\"                             default 1h, ends everything that it started
  artifacts = [\"htmlcov/\"]                    told whether they are there
  allow_failure = true                        a warning when it fails
  dir   = \"50_test\"                           its own, from the repository's root

Exit codes: 0 green, perhaps with warnings · 2 usage or configuration · 7 red, also when setup
failed · 8 stopped by --timeout · 130 stopped by Ctrl-C.";

/// Run the checks of ripcord.toml: what CI runs, before the push
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Which [checks.GROUP]; the only one, or the default environment's
    group: Option<String>,
    /// Show the groups and their jobs, and run nothing
    #[arg(long, conflicts_with_all = ["fix", "jobs"])]
    list: bool,
    /// Run the `fix` lines first
    #[arg(long)]
    fix: bool,
    /// How many jobs run at a time; as many as there are cores
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Judge ripcord.toml, the workflows and the compose files, and run nothing. A bare --config is
    /// the same
    #[arg(long, conflicts_with_all = ["group", "list", "fix", "jobs"])]
    lint: bool,
    /// With --lint: the agent's configuration, to compare with
    #[arg(long, value_name = "FILE", requires = "lint")]
    agent_config: Option<PathBuf>,
}

/// Runs it.
pub(crate) async fn run(context: &mut Context, arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.lint {
        return check_config::run(context, arguments.agent_config.as_deref());
    }
    let file = context.project_file().ok_or_else(nothing_to_read)?;
    let groups = read(&file)?;
    let named = arguments.group.as_deref();
    if arguments.list {
        return list(context, &file, groups, named);
    }
    let default = context.default_environment()?;
    let group = plan::choose(groups, named, default.as_deref()).map_err(Failure::Usage)?;
    let report = check(context, arguments, &file, &group).await?;
    conclude(context, &report)
}

fn nothing_to_read() -> Failure {
    let text = "there is no ripcord.toml here or above, as far as the git root: write one with a \
                [checks.GROUP], or name it with --config";
    Failure::Usage(text.to_owned())
}

fn read(file: &Path) -> Result<Vec<Group>, Failure> {
    let text = config::text_of(file)?;
    let document = document::parse(&text).map_err(|fault| fault.of(file))?;
    plan::groups(&text, document.checks).map_err(|fault| fault.of(file))
}

fn list(
    context: &Context,
    file: &Path,
    groups: Vec<Group>,
    named: Option<&str>,
) -> Result<Exit, Failure> {
    let groups = match named {
        Some(_) => vec![plan::choose(groups, named, None).map_err(Failure::Usage)?],
        None => groups,
    };
    if context.wants_json() {
        let groups: Vec<Value> = groups.iter().map(group_json).collect();
        let file = file.display().to_string();
        out::json(&json!({ "schema": "ripcord/v1/checks", "file": file, "groups": groups }))?;
    } else {
        out::people(&table::columns(&["GROUP", "CHECK", "NEEDS", "NOTES", "RUN"], rows(&groups)))?;
    }
    Ok(Exit::Success)
}

fn group_json(group: &Group) -> Value {
    let needs = |job: &plan::Job| -> Vec<String> {
        job.needs.iter().map(|need| group.jobs[*need].name.clone()).collect()
    };
    let jobs = group.jobs.iter().map(|job| {
        json!({
            "name": job.name, "run": job.run, "dir": job.dir, "needs": needs(job), "fix": job.fix,
            "allow_failure": job.allow_failure, "artifacts": job.artifacts, "setup": job.setup,
            "timeout_ms": u64::try_from(job.timeout.as_millis()).unwrap_or(u64::MAX),
        })
    });
    let jobs: Vec<Value> = jobs.collect();
    json!({ "name": group.name, "dir": group.dir, "setup": group.setup, "jobs": jobs })
}

fn rows(groups: &[Group]) -> Vec<Vec<String>> {
    let row = |group: &Group, job: &plan::Job| {
        let needs: Vec<&str> =
            job.needs.iter().map(|need| group.jobs[*need].name.as_str()).collect();
        let notes = [(job.allow_failure, "may fail"), (job.fix.is_some(), "has a fix")];
        let notes = notes.iter().filter(|(is_so, _)| *is_so).map(|(_, note)| *note);
        let notes = notes.collect::<Vec<_>>().join(", ");
        let cells = [&group.name, &job.name, &needs.join(", "), &notes, &job.run];
        cells.map(|cell| sanitize(cell).into_owned()).to_vec()
    };
    groups.iter().flat_map(|group| group.jobs.iter().map(move |job| row(group, job))).collect()
}

async fn check(
    context: &Context,
    arguments: &Arguments,
    file: &Path,
    group: &Group,
) -> Result<Report, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let wishes = Wishes {
        fix: arguments.fix,
        at_once: arguments.jobs.map_or(cores, NonZeroUsize::get),
        verbose: context.global.verbose,
    };
    let root = root_of(file)?;
    let (say_stop, stop) = watch::channel(false);
    let repository = root.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&root);
    let surroundings = Surroundings {
        repository: Arc::from(repository),
        group: Arc::from(group.name.as_str()),
        root: Arc::from(root.as_path()),
        stop,
    };
    let mut watcher = tell::watcher(&context.global);
    let (began, mut stopped) = (Instant::now(), None);
    let Ended { setup, fixes, jobs } = {
        let mut running =
            std::pin::pin!(run::group(group, &wishes, &surroundings, watcher.as_mut()));
        let mut end = std::pin::pin!(told_to_stop(context.global.timeout)?);
        loop {
            tokio::select! {
                ended = &mut running => break ended,
                why = &mut end, if stopped.is_none() => {
                    stopped = Some(why);
                    say_stop.send_replace(true);
                }
            }
        }
    };
    watcher.finish();
    Ok(Report::new(&group.name, began.elapsed(), stopped, setup, fixes, jobs))
}

/// The folder of `file`, as the programs that run in it see it.
fn root_of(file: &Path) -> Result<PathBuf, Failure> {
    let whole = file.canonicalize();
    let whole = whole.map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
    Ok(whole.parent().unwrap_or(Path::new("/")).to_owned())
}

/// Waits for a signal that ends, or for the end of `limit`.
fn told_to_stop(limit: Option<Duration>) -> Result<impl Future<Output = Verdict>, Failure> {
    let listen = |kind| {
        let unheard = |error| Failure::Unexpected(format!("cannot listen to signals: {error}"));
        signal(kind).map_err(unheard)
    };
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            () = heard(&mut interrupt) => Verdict::Interrupted,
            () = heard(&mut terminate) => Verdict::Interrupted,
            () = heard(&mut hangup) => Verdict::Interrupted,
            () = passed(limit) => Verdict::TimedOut,
        }
    })
}

async fn heard(signal: &mut Signal) {
    if signal.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}

async fn passed(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

/// Tells the result. A reader that went away changes nothing about what the checks found.
fn conclude(context: &Context, report: &Report) -> Result<Exit, Failure> {
    let exit = report::exit(report.outcome);
    let told = if context.wants_json() {
        out::json(report)
    } else {
        out::people(&summary::summary(report))
    };
    if in_github_actions() {
        annotations::annotations(report).iter().for_each(|line| out::say(line));
        annotations::conclusion(report).iter().for_each(|line| out::say(line));
        if let Err(error) = add_to_page(report) {
            out::complain(&format!("the step's summary cannot be written: {error}"));
        }
    }
    match told {
        Err(failure) if exit == Exit::Success && !failure.is_closed_stdout() => Err(failure),
        Ok(()) | Err(_) => Ok(exit),
    }
}

fn add_to_page(report: &Report) -> io::Result<()> {
    let Some(page) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|page| !page.is_empty()) else {
        return Ok(());
    };
    let mut page = OpenOptions::new().create(true).append(true).open(page)?;
    page.write_all(markdown::page(report).as_bytes())
}
