//! `ripcord check`: the checks of `ripcord.toml`, the same on a laptop, in a workflow and on the
//! agent. It asks no agent.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Instant,
};

use clap::Args;
use tokio::sync::watch;

use crate::{
    check::{
        annotations, list, markdown,
        plan::{self, Group},
        process::Surroundings,
        report::{self, Report},
        run::{self, Wishes},
        stop::told_to_stop,
        summary, tell,
    },
    commands::check_config,
    config::{self, document},
    context::Context,
    exit::Exit,
    failure::Failure,
    out,
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
        return show(context, &file, groups, named);
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

fn show(
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
        out::json(&list::json(&file.display().to_string(), &groups))?;
    } else {
        out::people(&list::table(&groups))?;
    }
    Ok(Exit::Success)
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
    let (say_stop, stop) = watch::channel(false);
    let surroundings = surroundings(file, group, stop)?;
    let mut watcher = tell::watcher(&context.global);
    let began = Instant::now();
    let (ended, stopped) = {
        let mut running = pin!(run::group(group, &wishes, &surroundings, watcher.as_mut()));
        let told = pin!(told_to_stop(context.global.timeout)?);
        tokio::select! {
            ended = &mut running => (ended, None),
            why = told => {
                say_stop.send_replace(true);
                (running.await, Some(why))
            }
        }
    };
    watcher.finish();
    Ok(Report::new(&group.name, began.elapsed(), stopped, ended))
}

fn surroundings(
    file: &Path,
    group: &Group,
    stop: watch::Receiver<bool>,
) -> Result<Surroundings, Failure> {
    let root = root_of(file)?;
    let repository = root.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&root);
    Ok(Surroundings {
        repository: Arc::from(repository),
        root: Arc::from(root.as_path()),
        group: Arc::from(group.name.as_str()),
        stop,
    })
}

/// The folder of `file`, as the programs that run in it see it.
fn root_of(file: &Path) -> Result<PathBuf, Failure> {
    let whole = file.canonicalize();
    let whole = whole.map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
    Ok(whole.parent().unwrap_or(Path::new("/")).to_owned())
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
