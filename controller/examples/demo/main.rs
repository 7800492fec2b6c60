//! `cargo demo`: the main job, for real, on this machine: a git repository, an agent process, a
//! supervised application, and the controller over mutual TLS. Exits 0 only if all of it was seen.

mod agent;
mod app;
mod repository;
mod screen;
mod tools;

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand};

use agent::Agent;
use repository::Story;
use screen::Screen;
use tools::Tools;

/// Deploys a good commit and one whose tests fail, and shows what ripcord makes of them.
#[derive(Parser)]
#[command(name = "cargo demo --", bin_name = "cargo demo --")]
struct Options {
    /// Use a copy of this git repository instead of the built-in application.
    #[arg(long, value_name = "PATH", requires = "run", requires = "check")]
    repo: Option<PathBuf>,
    /// The command that runs your application; it gets its port as $PORT.
    #[arg(long, value_name = "CMD", requires = "repo")]
    run: Option<String>,
    /// The command that tests a commit; runs in a check-out of its own.
    #[arg(long, value_name = "CMD", requires = "repo")]
    check: Option<String>,
    /// Leave everything running, and print the commands to play with.
    #[arg(long)]
    keep: bool,
    #[command(subcommand)]
    hidden: Option<Hidden>,
}

#[derive(Subcommand)]
enum Hidden {
    /// The built-in application: serves `greeting.txt` of the current folder on $PORT.
    #[command(hide = true)]
    Serve,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let ended = match options.hidden {
        Some(Hidden::Serve) => app::serve(),
        None => demo(&options),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nthe demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demo(options: &Options) -> Result<()> {
    let screen = Screen::new();
    screen.title("ripcord: deploy first, test in parallel, pull the ripcord if CI fails");

    screen.step("Building the agent and the controller (the first time takes minutes)");
    let tools = Tools::build()?;
    let built = Instant::now();

    let folder = tempfile::Builder::new().prefix("ripcord-demo-").tempdir()?;
    screen.step("Making certificates and a git repository");
    tools.certificates(&folder.path().join("certs"))?;
    let story = match (&options.repo, &options.run, &options.check) {
        (Some(repo), Some(run), Some(check)) => {
            Story::of_your_own(folder.path(), repo, run, check)?
        }
        (_, _, _) => Story::built_in(folder.path())?,
    };
    screen.say(&format!("a clone that is deployed: {}", story.live.display()));

    screen.step("Starting an agent");
    let mut agent = Agent::start(&tools, folder.path(), &story)?;
    let seen = play(&screen, &tools, &agent, &story);
    if let Err(error) = seen {
        screen.say(&agent.last_words());
        return Err(error);
    }
    if options.keep {
        agent.leave_running();
        screen.keep(&tools, &agent, &folder.keep());
    } else {
        agent.stop()?;
        screen.goodbye(built.elapsed());
    }
    Ok(())
}

fn play(screen: &Screen, tools: &Tools, agent: &Agent, story: &Story) -> Result<()> {
    screen.step(&format!("Deploying a good commit: {}", story.good.subject));
    screen.command(&format!("ripcord deploy demo --sha {}", story.good.short()));
    let code = agent.ripcord(tools, &["deploy", "demo", "--sha", &story.good.sha])?;
    ensure!(code == 0, "the good commit ended with exit code {code} instead of 0");
    let good = agent.answer()?;
    story.expect_served(&story.good, &good)?;
    let result = agent.json(tools, &["watch", "demo", "1", "--json"])?;
    ensure!(result["outcome"] == "validated", "the good commit is not validated: {result}");
    let live = Duration::from_millis(result["timings_ms"]["live"].as_u64().unwrap_or_default());
    screen.say(&format!("it was live after {live:.2?}, and the application answers: {good}"));

    screen.step(&format!("Deploying a commit whose tests fail: {}", story.bad.subject));
    screen.command(&format!("ripcord deploy demo --sha {}", story.bad.short()));
    let code = agent.ripcord(tools, &["deploy", "demo", "--sha", &story.bad.sha])?;
    ensure!(code == 7, "the bad commit ended with exit code {code} instead of 7 (rolled back)");
    let after = agent.answer()?;
    ensure!(after == good, "after the rollback the application answers {after:?}, not {good:?}");
    screen.say(&format!("exit code 7, and the application answers again: {after}"));

    screen.step("Looking at it as an operator");
    for arguments in [vec!["status"], vec!["history", "demo"], vec!["show", "demo", "2"]] {
        screen.command(&format!("ripcord {}", arguments.join(" ")));
        let code = agent.ripcord(tools, &arguments)?;
        ensure!(code == 0, "ripcord {} ended with exit code {code}", arguments.join(" "));
    }
    expect_rolled_back(agent, tools, story)
}

fn expect_rolled_back(agent: &Agent, tools: &Tools, story: &Story) -> Result<()> {
    let status = agent.json(tools, &["status", "--json"])?;
    let live = &status["environments"][0]["live"]["sha"];
    ensure!(*live == story.good.sha.as_str(), "the live commit is {live}, not the good one");
    let history = agent.json(tools, &["history", "demo", "--json"])?;
    let outcome_of = |number: u64| {
        let deployments = history["deployments"].as_array()?;
        deployments.iter().find(|it| it["deployment"] == number).map(|it| it["outcome"].clone())
    };
    let bad = outcome_of(2).context("deployment 2 is not in the history")?;
    ensure!(bad == "rolled_back", "deployment 2 ended as {bad}, not rolled_back");
    story.expect_tree(&story.good)
}
