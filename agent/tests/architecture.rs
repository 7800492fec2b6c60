//! Keeps the shape of the house: which way imports may point, how long a file may be, and what stays
//! out of the core. It reads the sources as text, and says what to do where they differ.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
};

const MOST_LINES: usize = 400;

/// Who may not import what, and where the thing belongs instead. Paths are folders or files.
const FORBIDDEN: &[(&str, &[&str], &str)] = &[
    (
        "agent/src/engine",
        &["crate::adapters", "crate::rpc", "tonic", "ripcord_proto"],
        "the engine acts through the traits of ports.rs and is asked through its handle; add a \
         trait method there, or wire the adapter in main.rs",
    ),
    (
        "agent/src/journal",
        &["crate::adapters", "crate::rpc", "crate::engine", "ripcord_proto"],
        "the journal stores what it is given and knows nobody",
    ),
    (
        "agent/src/adapters",
        &["crate::engine", "crate::rpc", "crate::journal", "ripcord_proto"],
        "an adapter implements a trait of ports.rs and reports through its Reporter",
    ),
    (
        "agent/src/notify",
        &["crate::engine", "crate::rpc", "crate::ports", "octocrab", "reqwest", "ripcord_proto"],
        "who tells the outside reads the journal, and nothing waits for it",
    ),
    (
        "agent/src/metrics",
        &["crate::adapters", "crate::rpc", "crate::ports", "ripcord_proto", "rusqlite"],
        "metrics read the journal and the engine's state, and nothing waits for them",
    ),
    (
        "agent/src/rpc",
        &["crate::adapters", "git2", "bollard", "rusqlite"],
        "a handler asks the engine's handle; work that outlives a call belongs to the engine",
    ),
    (
        "agent/src/ports.rs",
        &["crate::"],
        "ports.rs is what both sides share; it may know ripcord-core only",
    ),
    (
        "agent/src/ports",
        &["crate::adapters", "crate::engine", "crate::rpc", "crate::journal", "ripcord_proto"],
        "ports are what both sides share; they may know ripcord-core only",
    ),
    (
        "controller",
        &["ripcord_agent"],
        "the controller knows the agent by the wire contract only: use ripcord-proto or ripcord-core",
    ),
    ("proto/src", &["ripcord_core", "ripcord_agent"], "the wire contract depends on nobody"),
];

/// What adapters share: running a child process, its group and its lines under a deadline.
const SHARED: &[&str] = &["command", "group", "lines", "orphan"];

/// Docker recreates containers through the compose program; what is promoted is taken from the git
/// repository of another environment.
const TOGETHER: &[(&str, &str)] = &[("docker", "compose"), ("promote", "git")];

/// What may be imported by the core, which has no I/O, no async and no clock.
const CORE_ROOTS: &[&str] =
    &["std", "core", "alloc", "crate", "self", "super", "serde", "thiserror"];

struct Source {
    /// Relative to the workspace, with `/`.
    path: String,
    text: String,
}

impl Source {
    fn is_in(&self, place: &str) -> bool {
        self.path == place || self.path.starts_with(&format!("{place}/"))
    }

    /// Lines that are not comments, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let numbered = self.text.lines().enumerate().map(|(at, line)| (at + 1, line));
        numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The module's path from the crate's root, such as `adapters::git`.
    fn module(&self) -> Vec<&str> {
        let inside = self.path.split_once("/src/").map_or("", |(_, inside)| inside);
        let names = inside.trim_end_matches(".rs").split('/');
        names.filter(|name| !["mod", "lib", "main"].contains(name)).collect()
    }

    /// Every path that is imported or named from the root, with `super` resolved.
    fn imports(&self) -> Vec<String> {
        let code: String = self.code().map(|(_, line)| format!("\n{}", line.trim())).collect();
        let mut paths = Vec::new();
        for beginning in ["\nuse ", "\npub use ", "\npub(crate) use ", "\npub(super) use "] {
            for statement in code.split(beginning).skip(1) {
                flatten("", statement.split(';').next().unwrap_or(""), &mut paths);
            }
        }
        let named = code.split("crate::").skip(1).map(|rest| format!("crate::{}", path_of(rest)));
        paths.extend(named);
        paths.iter().map(|path| self.resolve(path)).collect()
    }

    fn resolve(&self, path: &str) -> String {
        let mut module = self.module();
        let mut rest = path;
        while let Some(shorter) = rest.strip_prefix("super::") {
            module.pop();
            rest = shorter;
        }
        if rest == path {
            return path.to_owned();
        }
        module.insert(0, "crate");
        format!("{}::{rest}", module.join("::"))
    }
}

/// `a::{b, c::{d}}` is `a::b` and `a::c::d`.
fn flatten(before: &str, tree: &str, into: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        return into.push(format!("{before}{}", path_of(tree)));
    };
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                flatten(&format!("{before}{}", head.trim()), &group[start..at], into);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !group[start..].trim().is_empty() {
        flatten(&format!("{before}{}", head.trim()), &group[start..], into);
    }
}

fn path_of(text: &str) -> &str {
    let is_path = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    text.find(|letter| !is_path(letter)).map_or(text, |end| &text[..end])
}

/// Whether `path` is `forbidden`, or inside it.
fn is_under(path: &str, forbidden: &str) -> bool {
    let rest = path.strip_prefix(forbidden);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::") || forbidden.ends_with("::"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for member in ["proto", "agent", "controller"] {
        collect(&root().join(member), &mut found);
    }
    assert!(found.len() > 20, "the sources are not where this test looks for them");
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let relative = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
        let is_ours = !relative.ends_with("/target") && relative != "proto/src/generated";
        if path.is_dir() && is_ours {
            collect(&path, found);
        } else if relative.ends_with(".rs") {
            found.push(Source { path: relative, text: fs::read_to_string(&path).unwrap() });
        }
    }
}

fn nothing_is_wrong(faults: &[String]) {
    assert!(faults.is_empty(), "\n\n{}\n", faults.join("\n\n"));
}

#[test]
fn imports_point_the_way_the_house_is_built() {
    let mut faults = Vec::new();
    for source in sources() {
        let rules = FORBIDDEN.iter().filter(|(place, _, _)| source.is_in(place));
        for (_, never, instead) in rules {
            for path in source.imports() {
                if never.iter().any(|forbidden| is_under(&path, forbidden)) {
                    faults.push(format!("{} imports {path}:\n  {instead}", source.path));
                }
            }
        }
    }
    nothing_is_wrong(&faults);
}

#[test]
fn adapters_do_not_know_each_other() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| source.is_in("agent/src/adapters")) {
        let own = source.module().get(1).copied().unwrap_or_default().to_owned();
        for path in source.imports() {
            let Some(inside) = path.strip_prefix("crate::adapters::") else { continue };
            let sibling = inside.split("::").next().unwrap_or_default();
            let together = TOGETHER.contains(&(own.as_str(), sibling));
            let allowed = sibling.is_empty() || sibling == own || SHARED.contains(&sibling);
            if !own.is_empty() && !allowed && !together {
                faults.push(format!(
                    "{} imports the adapter `{sibling}`:\n  move what both need to a file of its \
                     own outside adapters/, or let main.rs hand one to the other through a port",
                    source.path
                ));
            }
        }
    }
    nothing_is_wrong(&faults);
}

#[test]
fn the_core_imports_nothing_that_acts() {
    let mut faults = Vec::new();
    let core: Vec<_> = sources().into_iter().filter(|s| s.is_in("agent/core/src")).collect();
    let own: Vec<_> = core.iter().filter_map(|source| source.module().first().copied()).collect();
    for source in &core {
        for path in source.imports() {
            let first = path.split("::").next().unwrap_or_default();
            let is_type = first.starts_with(char::is_uppercase);
            if !is_type && !own.contains(&first) && !CORE_ROOTS.contains(&first) {
                faults.push(format!(
                    "{} imports {path}:\n  the core decides and does nothing; do it in the engine \
                     or an adapter, and pass the result in",
                    source.path
                ));
            }
        }
    }
    let manifest = fs::read_to_string(root().join("agent/core/Cargo.toml")).unwrap();
    for name in dependencies(&manifest) {
        if !CORE_ROOTS.contains(&name) {
            faults.push(format!(
                "agent/core/Cargo.toml depends on {name}: the core needs none of it"
            ));
        }
    }
    nothing_is_wrong(&faults);
}

#[test]
fn the_core_has_no_clock_and_no_async() {
    let words = ["SystemTime", "Instant", "tokio", "async ", ".await", "std::fs", "std::net"];
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| source.is_in("agent/core/src")) {
        for (line, code) in source.code() {
            if let Some(word) = words.iter().find(|word| code.contains(**word)) {
                let word = word.trim();
                faults.push(format!(
                    "{}:{line} has `{word}`:\n  time is an argument here, and effects are values; \
                     take a Timestamp, or answer an Effect",
                    source.path
                ));
            }
        }
    }
    nothing_is_wrong(&faults);
}

#[test]
fn only_the_clock_of_the_engine_asks_for_the_wall_time() {
    let words = ["SystemTime", "Timestamp::now", "Zoned::now", "CLOCK_REALTIME"];
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| {
        source.is_in("agent/src/engine") && !source.is_in("agent/src/engine/clock.rs")
    }) {
        for (line, code) in source.code() {
            if let Some(word) = words.iter().find(|word| code.contains(**word)) {
                faults.push(format!(
                    "{}:{line} has `{word}`:\n  the wall clock jumps, and deadlines must not; take \
                     the engine's Clock, or tokio's Instant",
                    source.path
                ));
            }
        }
    }
    nothing_is_wrong(&faults);
}

#[test]
fn the_controller_does_not_depend_on_the_agent() {
    let manifest = fs::read_to_string(root().join("controller/Cargo.toml")).unwrap();
    let knows = dependencies(&manifest).any(|name| name == "ripcord-agent");
    assert!(!knows, "controller/Cargo.toml depends on ripcord-agent: use proto or core");
}

#[test]
fn every_file_says_why_it_exists_in_its_first_line() {
    let silent = |source: &Source| {
        let first = source.text.lines().next().unwrap_or_default();
        !first.starts_with("//! ")
    };
    let faults = sources().into_iter().filter(silent).map(|source| {
        format!(
            "{}:1 is not a `//!` line:\n  say why the file exists, and what it refuses to do",
            source.path
        )
    });
    nothing_is_wrong(&faults.collect::<Vec<_>>());
}

#[test]
fn no_file_is_too_long_to_read_at_once() {
    let mut faults = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > MOST_LINES {
            faults.push(format!(
                "{} has {lines} lines, {MOST_LINES} are the most:\n  split it by meaning, one idea \
                 per file; do not squeeze lines together",
                source.path
            ));
        }
    }
    nothing_is_wrong(&faults);
}

#[test]
fn only_main_ends_the_process_or_forgets_what_an_error_is() {
    let mut faults = Vec::new();
    for source in sources() {
        let is_main = source.path.ends_with("/main.rs");
        if is_main || !source.path.contains("/src/") {
            continue;
        }
        for (line, code) in source.code() {
            let advice = match code {
                _ if code.contains("process::exit") => "answer an error or an ExitCode to main.rs",
                _ if code.contains("anyhow") => "give the error a type that says what failed",
                _ => continue,
            };
            faults.push(format!("{}:{line} {}\n  {advice}", source.path, code.trim()));
        }
    }
    nothing_is_wrong(&faults);
}

/// The names in `[dependencies]`.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let after = manifest.split("\n[dependencies]\n").nth(1).unwrap_or_default();
    let section = after.split("\n[").next().unwrap_or_default();
    let names = section.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
    names.filter(|name| !name.is_empty() && !name.starts_with('#'))
}

#[test]
fn this_test_sees_imports_however_they_are_written() {
    let text = "use crate::{adapters::git, ports::{A, B}};\nuse super::command::run;\nfn f() { crate::rpc::g(); }\n";
    let path = "agent/src/adapters/compose.rs".to_owned();
    let seen = Source { path, text: text.to_owned() }.imports();
    for expected in [
        "crate::adapters::git",
        "crate::ports::B",
        "crate::adapters::command::run",
        "crate::rpc::g",
    ] {
        assert!(seen.iter().any(|path| path == expected), "{expected} is not in {seen:?}");
    }
}
