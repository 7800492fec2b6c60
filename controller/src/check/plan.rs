//! What is to be checked: the groups of a file, with every name resolved and every wish possible.
//! Pure; a plan that exists can be run to its end.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    time::Duration,
};

use toml::Spanned;

use crate::config::{
    document::{Fault, RawChecks, RawJob},
    similar,
};

/// How long a job, its fix or a group's setup may take where the file does not say: what hangs must
/// end, and nothing that people wait for takes longer.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(60 * 60);

/// `[checks.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// Where setup runs, from the repository's root.
    pub(crate) dir: PathBuf,
    pub(crate) setup: Vec<String>,
    /// In the order of the file.
    pub(crate) jobs: Vec<Job>,
}

/// `[[checks.NAME.jobs]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) name: String,
    /// Where it runs, from the repository's root.
    pub(crate) dir: PathBuf,
    pub(crate) setup: Vec<String>,
    pub(crate) run: String,
    pub(crate) fix: Option<String>,
    /// Places in the group's jobs.
    pub(crate) needs: Vec<usize>,
    pub(crate) allow_failure: bool,
    pub(crate) timeout: Duration,
    /// From the job's folder.
    pub(crate) artifacts: Vec<String>,
}

/// The groups of a file, by name.
pub(crate) fn groups(text: &str, raw: BTreeMap<String, RawChecks>) -> Result<Vec<Group>, Fault> {
    raw.into_iter().map(|(name, raw)| group(text, name, raw)).collect()
}

fn group(text: &str, name: String, raw: RawChecks) -> Result<Group, Fault> {
    if raw.jobs.is_empty() {
        let message = format!("checks.{name} has no jobs: write [[checks.{name}.jobs]]");
        return Err(Fault::general(message));
    }
    let places = places(text, &raw.jobs)?;
    let dir = PathBuf::from(raw.dir.unwrap_or_default());
    let starts: Vec<usize> = raw.jobs.iter().map(|job| job.name.span().start).collect();
    let jobs = raw.jobs.into_iter().map(|raw| job(text, &dir, raw, &places));
    let jobs = jobs.collect::<Result<Vec<Job>, Fault>>()?;
    if let Some(cycle) = cycle(&jobs) {
        let names: Vec<&str> = cycle.iter().map(|at| jobs[*at].name.as_str()).collect();
        let message = format!("jobs that need each other never begin: {}", names.join(" → "));
        return Err(Fault::at(text, starts[cycle[0]], message));
    }
    Ok(Group { name, dir, setup: raw.setup, jobs })
}

/// Where each name is. Names are how jobs are told apart.
fn places(text: &str, jobs: &[RawJob]) -> Result<HashMap<String, usize>, Fault> {
    let mut places = HashMap::new();
    for (at, job) in jobs.iter().enumerate() {
        for (key, value) in [("name", &job.name), ("run", &job.run)] {
            if value.get_ref().trim().is_empty() {
                return Err(Fault::at(text, value.span().start, format!("`{key}` is empty")));
            }
        }
        let name = job.name.get_ref();
        if places.insert(name.clone(), at).is_some() {
            let message = format!("there are two jobs with the name {name:?}");
            return Err(Fault::at(text, job.name.span().start, message));
        }
    }
    Ok(places)
}

fn job(
    text: &str,
    group_dir: &Path,
    raw: RawJob,
    places: &HashMap<String, usize>,
) -> Result<Job, Fault> {
    let needs = raw.needs.iter().map(|need| place(text, need, places));
    Ok(Job {
        needs: needs.collect::<Result<_, _>>()?,
        name: raw.name.into_inner(),
        dir: raw.dir.map_or_else(|| group_dir.to_owned(), PathBuf::from),
        setup: raw.setup,
        run: raw.run.into_inner(),
        fix: raw.fix,
        allow_failure: raw.allow_failure,
        timeout: raw.timeout.unwrap_or(TIME_LIMIT),
        artifacts: raw.artifacts,
    })
}

fn place(
    text: &str,
    need: &Spanned<String>,
    places: &HashMap<String, usize>,
) -> Result<usize, Fault> {
    let name = need.get_ref();
    places.get(name).copied().ok_or_else(|| {
        let known: Vec<&str> = places.keys().map(String::as_str).collect();
        let advice = similar(name, &known).map(|meant| format!("; did you mean {meant:?}?"));
        let advice = advice.unwrap_or_default();
        let message = format!("`needs` names {name:?}, and no job of the group has it{advice}");
        Fault::at(text, need.span().start, message)
    })
}

/// Jobs of which each needs the next, and the last is the first; none when all can end.
fn cycle(jobs: &[Job]) -> Option<Vec<usize>> {
    let mut ends = vec![false; jobs.len()];
    while let Some(at) =
        (0..jobs.len()).find(|at| !ends[*at] && jobs[*at].needs.iter().all(|need| ends[*need]))
    {
        ends[at] = true;
    }
    let first = ends.iter().position(|ends| !ends)?;
    // Whoever never begins needs another who never begins: following them comes back.
    let mut path = vec![first];
    loop {
        let last = path[path.len() - 1];
        let next = jobs[last].needs.iter().copied().find(|need| !ends[*need])?;
        if let Some(start) = path.iter().position(|seen| *seen == next) {
            path.push(next);
            return Some(path.split_off(start));
        }
        path.push(next);
    }
}

/// The group that is meant: the one that is named, the only one, or the default environment's.
pub(crate) fn choose(
    groups: Vec<Group>,
    named: Option<&str>,
    default_environment: Option<&str>,
) -> Result<Group, String> {
    let known: Vec<String> = groups.iter().map(|group| group.name.clone()).collect();
    let is_only = groups.len() == 1;
    let wanted = |group: &Group| match (named, default_environment) {
        (Some(name), _) => group.name == name,
        (None, _) if is_only => true,
        (None, Some(default)) => group.name == default,
        (None, None) => false,
    };
    groups.into_iter().find(wanted).ok_or_else(|| nothing_chosen(named, &known))
}

fn nothing_chosen(named: Option<&str>, known: &[String]) -> String {
    let list = known.join(", ");
    match named {
        _ if known.is_empty() => "ripcord.toml has no [checks.GROUP]: write one".to_owned(),
        Some(name) => format!("ripcord.toml has no [checks.{name}]; there are {list}"),
        None => format!("which checks? name one of {list}, or set default_environment"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document;

    fn planned(text: &str) -> Result<Vec<Group>, String> {
        let told = |fault: Fault| fault.of(Path::new("r.toml")).to_string();
        let document = document::parse(text).map_err(told)?;
        groups(text, document.checks).map_err(told)
    }

    fn jobs(needs: &[(&str, &str)]) -> String {
        let job = |(name, needs): &(&str, &str)| {
            format!("[[checks.a.jobs]]\nname = '{name}'\nrun = 'x'\nneeds = [{needs}]\n")
        };
        needs.iter().map(job).collect()
    }

    #[test]
    fn a_jobs_folder_is_the_groups_or_starts_at_the_root() {
        let text = "[checks.a]\ndir = '10_preprod'\n\
             [[checks.a.jobs]]\nname = 'x'\nrun = 'x'\n\
             [[checks.a.jobs]]\nname = 'y'\nrun = 'y'\ndir = '50_test'\n";
        let groups = planned(text).expect("valid");
        let dirs: Vec<_> = groups[0].jobs.iter().map(|job| job.dir.to_str()).collect();
        assert_eq!(dirs, [Some("10_preprod"), Some("50_test")]);
    }

    #[test]
    fn jobs_that_wait_for_each_other_are_found_before_anything_runs() {
        let text = jobs(&[("free", ""), ("a", "'free', 'b'"), ("b", "'c'"), ("c", "'a'")]);
        assert_eq!(
            planned(&text).expect_err("cycle"),
            "r.toml:6: jobs that need each other never begin: a → b → c → a"
        );
        let own = jobs(&[("a", "'a'")]);
        assert!(planned(&own).expect_err("cycle").ends_with("a → a"));
    }

    #[test]
    fn names_that_are_unknown_twice_there_or_empty_are_told_with_their_line() {
        assert_eq!(
            planned(&jobs(&[("flake8", ""), ("tests", "'flake'")])).expect_err("unknown"),
            "r.toml:8: `needs` names \"flake\", and no job of the group has it; did you mean \"flake8\"?"
        );
        assert_eq!(
            planned(&jobs(&[("a", ""), ("a", "")])).expect_err("twice"),
            "r.toml:6: there are two jobs with the name \"a\""
        );
        assert_eq!(planned(&jobs(&[(" ", "")])).expect_err("empty"), "r.toml:2: `name` is empty");
        assert!(planned("[checks.a]\n").expect_err("empty").contains("has no jobs"));
    }

    #[test]
    fn the_group_is_the_named_one_the_only_one_or_the_default_environments() {
        let group = |name: &str| Group {
            name: name.to_owned(),
            dir: PathBuf::new(),
            setup: Vec::new(),
            jobs: Vec::new(),
        };
        let chosen = |names: &[&str], named, default| {
            let groups = names.iter().map(|name| group(name)).collect();
            choose(groups, named, default).map(|group| group.name)
        };
        assert_eq!(chosen(&["a", "b"], Some("b"), Some("a")).as_deref(), Ok("b"));
        assert_eq!(chosen(&["a"], None, Some("b")).as_deref(), Ok("a"));
        assert_eq!(chosen(&["a", "b"], None, Some("b")).as_deref(), Ok("b"));
        let unsure = chosen(&["a", "b"], None, Some("c")).expect_err("which");
        assert!(unsure.contains("a, b"), "{unsure}");
        assert!(chosen(&["a"], Some("b"), None).expect_err("unknown").contains("there are a"));
        assert!(chosen(&[], None, None).is_err());
    }
}
