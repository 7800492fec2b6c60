//! The files that are judged: found below the repository's root and read. Everything else in this
//! folder works on their text and touches no disk.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Folders below the root in which compose files are looked for.
const DEPTH: usize = 4;
/// No file of a person is longer.
const MOST_BYTES: u64 = 1 << 20;
/// Folders full of other people's files.
const FOREIGN: [&str; 4] = ["node_modules", "target", "vendor", "venv"];
/// Where the agent's configuration lies when a repository has it.
const AGENT: [&str; 2] = ["agent.toml", "ripcord-agent.toml"];

/// A file and its text.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// From the root, with `/`; as it was named, when it lies elsewhere.
    pub(crate) path: String,
    pub(crate) text: Result<String, String>,
}

/// Everything that is judged together.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) project: Option<Source>,
    pub(crate) agent: Option<Source>,
    pub(crate) workflows: Vec<Source>,
    pub(crate) composes: Vec<Source>,
    /// The branch that the remote calls its own.
    pub(crate) branch: Option<String>,
}

impl Sources {
    /// Finds and reads them.
    pub(crate) fn read(root: &Path, agent: Option<&Path>) -> Self {
        let found = || AGENT.iter().map(|name| root.join(name)).find(|file| file.is_file());
        let mut composes = Vec::new();
        walk(root, DEPTH, &mut composes);
        composes.sort();
        let project = Some(root.join("ripcord.toml")).filter(|file| file.is_file());
        Self {
            project: project.map(|file| source(root, &file)),
            agent: agent.map(Path::to_owned).or_else(found).map(|file| source(root, &file)),
            workflows: workflows(root).iter().map(|file| source(root, file)).collect(),
            composes: composes.iter().map(|file| source(root, file)).collect(),
            branch: branch(root),
        }
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Source> {
        let single = self.project.iter().chain(&self.agent);
        single.chain(&self.workflows).chain(&self.composes)
    }
}

fn source(root: &Path, file: &Path) -> Source {
    let path = file.strip_prefix(root).unwrap_or(file).to_string_lossy().into_owned();
    Source { path, text: read(file).map_err(|error| error.to_string()) }
}

fn read(file: &Path) -> io::Result<String> {
    if fs::metadata(file)?.len() > MOST_BYTES {
        return Err(io::Error::other("it is longer than 1 MiB"));
    }
    fs::read_to_string(file)
}

fn workflows(root: &Path) -> Vec<PathBuf> {
    let mut files = children(&root.join(".github/workflows"));
    files.retain(|file| is_yaml(file) && file.is_file());
    files
}

/// The compose files, not those of hidden and foreign folders.
fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    for path in children(folder) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !path.is_symlink() {
            let is_ours = !name.starts_with('.') && !FOREIGN.contains(&name.as_ref());
            if is_ours && depth > 1 {
                walk(&path, depth - 1, found);
            }
        } else if is_compose(&name) && is_yaml(&path) {
            found.push(path);
        }
    }
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml")
}

fn is_compose(name: &str) -> bool {
    let rest = name.strip_prefix("docker-").unwrap_or(name).strip_prefix("compose");
    rest.is_some_and(|rest| rest.starts_with(['.', '-', '_']))
}

fn branch(root: &Path) -> Option<String> {
    let head = fs::read_to_string(root.join(".git/refs/remotes/origin/HEAD")).ok()?;
    Some(head.trim().strip_prefix("ref: refs/remotes/origin/")?.to_owned())
}
