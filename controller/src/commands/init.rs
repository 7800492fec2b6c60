//! `ripcord init`: writes ripcord's files into an application's repository. Shows what it would do,
//! asks, and never writes over what somebody else wrote unless that person says so.

use std::path::Path;

use clap::Args;
use serde_json::json;

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    init::{self, Choices, Fate, Planned, Runner},
    out, prompt,
    revision::default_branch,
};

const AFTER_HELP: &str = "\
Examples:
  ripcord init                                   only ripcord.toml
  ripcord init --github --python --dry-run       show the workflows, write nothing
  ripcord init --github --agent https://vm.example:7443

With --github it writes .github/workflows/{ci,cd-preprod,cd-prod,health-check}.yml, and the action
that they use into .github/actions/ripcord. A file that differs and was not written by ripcord, or
was edited since, is replaced only by who agrees to it when asked; with --yes it is kept.
A ripcord.toml that is there is never replaced.

Exit codes: 0 all is there, or was declined file by file · 2 declined, nobody can be asked, or a file was kept.";

/// Write ripcord.toml, and the workflows, into an application's repository
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Also the workflows for GitHub Actions
    #[arg(long)]
    github: bool,
    /// The checks of a Python project: flake8, black, pydocstyle, mypy, pytest with coverage
    #[arg(long)]
    python: bool,
    /// Where the workflows run that speak to the agent
    #[arg(long, value_enum, default_value_t = Runner::SelfHosted, requires = "github")]
    runner: Runner,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Show everything, write nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

/// Runs it.
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let here = std::env::current_dir().map_err(|error| Failure::Unexpected(error.to_string()))?;
    let root = init::root(&here)?;
    let planned = init::plan(&root, &choices(context, arguments, &root))?;
    if arguments.dry_run {
        return tell(context, &shown_in_full(&planned), &planned, &[]);
    }
    out::say(&overview(&planned));
    let chosen = choose(context, arguments, &planned).await?;
    for file in &chosen {
        init::write(&root, file)?;
    }
    tell(context, &result(arguments, &planned, &chosen), &planned, &chosen)?;
    let is_foreign = |file: &Planned| file.fate == Fate::Foreign;
    if arguments.yes && planned.iter().any(is_foreign) {
        out::complain("what differs was kept: run this without --yes to decide");
        return Ok(Exit::Usage);
    }
    Ok(Exit::Success)
}

fn choices(context: &Context, arguments: &Arguments, root: &Path) -> Choices {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    Choices {
        github: arguments.github,
        python: arguments.python,
        runner: arguments.runner,
        agent: context.global.agent.clone().filter(|url| !url.is_empty()),
        branch: default_branch().unwrap_or_else(|| "main".to_owned()),
        folders: folders.filter_map(|entry| entry.file_name().into_string().ok()).collect(),
    }
}

/// The files that may be written: all that nobody else wrote, after one question; each other one
/// after a question of its own.
async fn choose<'a>(
    context: &Context,
    arguments: &Arguments,
    planned: &'a [Planned],
) -> Result<Vec<&'a Planned>, Failure> {
    let ours = planned.iter().filter(|file| matches!(file.fate, Fate::New | Fate::Updated));
    let mut chosen: Vec<&Planned> = ours.collect();
    let foreign: Vec<&Planned> = planned.iter().filter(|file| file.fate == Fate::Foreign).collect();
    if arguments.yes || (chosen.is_empty() && foreign.is_empty()) {
        return Ok(chosen);
    }
    if !prompt::is_possible(context) {
        let text = "nobody can be asked here: add --yes, or --dry-run to look only";
        return Err(Failure::Usage(text.to_owned()));
    }
    let several =
        if chosen.len() == 1 { "1 file".to_owned() } else { format!("{} files", chosen.len()) };
    if !chosen.is_empty() && !agreed(&format!("Write {several}?")).await? {
        return Err(Failure::Usage("nothing was written".to_owned()));
    }
    for file in foreign {
        if agreed(&format!("Replace {}, which ripcord did not write like this?", file.path)).await?
        {
            chosen.push(file);
        }
    }
    Ok(chosen)
}

async fn agreed(question: &str) -> Result<bool, Failure> {
    let answer = prompt::ask(&format!("{question} [y/N]")).await?;
    Ok(matches!(answer.as_deref().map(str::trim), Some("y" | "Y" | "yes")))
}

/// What differs in full, and a line for each file.
fn overview(planned: &[Planned]) -> String {
    let changed = planned.iter().filter(|file| matches!(file.fate, Fate::Updated | Fate::Foreign));
    let diffs: String = changed.map(|file| diff(file) + "\n").collect();
    let lines: Vec<String> = planned.iter().map(line).collect();
    format!("{diffs}{}", lines.join("\n"))
}

fn shown_in_full(planned: &[Planned]) -> String {
    let diffs: String = planned.iter().map(diff).filter(|diff| !diff.is_empty()).collect();
    let lines: Vec<String> = planned.iter().map(line).collect();
    format!("{diffs}\n{}\nnothing was written", lines.join("\n"))
}

fn diff(file: &Planned) -> String {
    if file.fate == Fate::Yours {
        return String::new();
    }
    init::unified(file.path, file.old.as_deref(), &file.new)
}

fn line(file: &Planned) -> String {
    let note = match file.fate {
        Fate::New => format!("{} lines", file.new.lines().count()),
        Fate::Same => "as ripcord writes it".to_owned(),
        Fate::Yours => "yours to edit, never replaced".to_owned(),
        Fate::Updated => "as ripcord wrote it earlier".to_owned(),
        Fate::Foreign => "not written by ripcord, or edited since".to_owned(),
    };
    format!("  {:<9} {:<36} {note}", word(file.fate), file.path)
}

fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::New => "new",
        Fate::Same | Fate::Yours => "stays",
        Fate::Updated => "update",
        Fate::Foreign => "differs",
    }
}

fn result(arguments: &Arguments, planned: &[Planned], chosen: &[&Planned]) -> String {
    let is_chosen = |file: &Planned| chosen.iter().any(|one| one.path == file.path);
    let kept: Vec<String> = planned
        .iter()
        .filter(|file| file.fate == Fate::Foreign && !is_chosen(file))
        .map(|file| format!("kept {}\n", file.path))
        .collect();
    let written = match chosen.len() {
        0 => "nothing to write".to_owned(),
        1 => "✔ 1 file written".to_owned(),
        several => format!("✔ {several} files written"),
    };
    let next = match (chosen.is_empty(), arguments.github) {
        (true, _) => "",
        (false, false) => "\n  next  edit ripcord.toml, then commit it",
        (false, true) => {
            "\n  next  edit ripcord.toml, then commit; in the repository's settings, set the variable\n        \
             RIPCORD_AGENT and the secrets RIPCORD_CA, RIPCORD_CERT, RIPCORD_KEY (PEM, as they are)\n        \
             and DISCORD_WEBHOOK_URL"
        }
    };
    format!("{}{written}{next}", kept.concat())
}

fn tell(
    context: &Context,
    text: &str,
    planned: &[Planned],
    chosen: &[&Planned],
) -> Result<Exit, Failure> {
    if !context.wants_json() {
        out::people(text)?;
        return Ok(Exit::Success);
    }
    let files = planned.iter().map(|file| {
        let written = chosen.iter().any(|one| one.path == file.path);
        json!({ "path": file.path, "state": word(file.fate), "written": written })
    });
    out::json(&json!({ "schema": "ripcord/v1/init", "files": files.collect::<Vec<_>>() }))?;
    Ok(Exit::Success)
}
