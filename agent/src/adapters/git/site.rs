//! Finds and opens the repository, and refuses the kinds that libgit2 would serve wrongly.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use git2::{Commit, ErrorCode, Repository, RepositoryOpenFlags, Tree};
use ripcord_core::{CommitSha, Failure, FailureKind};

use super::{
    Settings,
    errors::{OrFail, oid, repository, sha as sha_of},
    listings::Listings,
};

/// A repository that was found, by its settings and its canonical folders.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) settings: Settings,
    /// Root of the work tree.
    pub(super) root: PathBuf,
    /// The folder that the settings name, relative to it.
    pub(super) folder: PathBuf,
    /// This work tree's own git folder: index, HEAD.
    pub(super) git_dir: PathBuf,
    /// What all work trees of the repository share: objects, refs.
    pub(super) common_dir: PathBuf,
    /// When this process opened it.
    pub(super) opened: SystemTime,
    /// What is known of its folders.
    pub(super) listings: Listings,
}

impl Site {
    /// Looks at `settings.path` and upwards.
    pub(super) fn find(settings: Settings) -> Result<Self, Failure> {
        let repo = open(&settings.path)?;
        refuse_unserved(&repo, &settings.path)?;
        let root = repo.workdir().ok_or_else(|| bare(&settings.path))?;
        let (root, folder) = (canonical(root)?, canonical(&settings.path)?);
        let folder = folder.strip_prefix(&root).unwrap_or(Path::new("")).to_owned();
        Ok(Self {
            root,
            folder,
            git_dir: canonical(repo.path())?,
            common_dir: canonical(repo.commondir())?,
            opened: SystemTime::now(),
            listings: Listings::default(),
            settings,
        })
    }

    /// Opens it anew: its configuration may have changed since the last time.
    pub(super) fn repository(&self) -> Result<Repository, Failure> {
        let repo = open(&self.root)?;
        refuse_unserved(&repo, &self.root)?;
        Ok(repo)
    }

    /// The link that stands where `path` has a folder: what is below it lies outside of the tree.
    pub(super) fn link_above<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        path.ancestors().skip(1).find(|folder| self.root.join(folder).is_symlink())
    }

    /// `refs/heads/main` and the like: where the branch is on the remote.
    pub(super) fn remote_ref(&self) -> String {
        format!("refs/heads/{}", self.settings.branch)
    }

    /// `refs/remotes/origin/main` and the like: where it is kept here.
    pub(super) fn tracking_ref(&self) -> String {
        format!("refs/remotes/{}/{}", self.settings.remote, self.settings.branch)
    }

    /// "branch main of origin", as messages call it.
    pub(super) fn branch_text(&self) -> String {
        format!("branch {} of {}", self.settings.branch, self.settings.remote)
    }
}

fn canonical(path: &Path) -> Result<PathBuf, Failure> {
    path.canonicalize().or_fail(FailureKind::Repository, || format!("resolve {}", path.display()))
}

fn open(path: &Path) -> Result<Repository, Failure> {
    let flags = RepositoryOpenFlags::empty();
    Repository::open_ext(path, flags, &[] as &[&Path]).map_err(|error| {
        let place = path.display();
        repository(match error.code() {
            ErrorCode::NotFound if !path.exists() => format!(
                "the repository folder {place} does not exist: clone the repository there, or \
                 correct `repository` in the agent's configuration"
            ),
            ErrorCode::NotFound => format!(
                "{place} is not inside a git work tree: clone the repository there, or correct \
                 `repository` in the agent's configuration"
            ),
            ErrorCode::Owner => format!(
                "the repository at {place} belongs to another user: run the agent as its owner, \
                 or add it to safe.directory in the global git configuration"
            ),
            _ => format!(
                "cannot open the git repository at {place}: {} (sha256 and reftable repositories \
                 are not served; clone it anew in the default format)",
                error.message()
            ),
        })
    })
}

fn bare(path: &Path) -> Failure {
    let place = path.display();
    repository(format!("the repository at {place} is bare: the agent needs one with a work tree"))
}

fn refuse_unserved(repo: &Repository, path: &Path) -> Result<(), Failure> {
    if repo.is_bare() {
        return Err(bare(path));
    }
    let config = repo.config().and_then(|mut config| config.snapshot());
    let config = config.or_fail(FailureKind::Repository, || {
        format!("read the git configuration of {}", path.display())
    })?;
    let place = path.display();
    if config.get_bool("core.sparseCheckout").unwrap_or(false) {
        return Err(repository(format!(
            "{place} is a sparse checkout, which is not served: run `git sparse-checkout disable`"
        )));
    }
    let promisor = config.entries(Some("remote\\..*\\.promisor"));
    let promised = promisor.is_ok_and(|mut entries| entries.next().is_some());
    if promised || config.get_string("extensions.partialclone").is_ok() {
        return Err(repository(format!(
            "{place} is a partial clone, which is not served: clone it again without --filter"
        )));
    }
    Ok(())
}

/// See [`super::GitRepository::writes_at`].
pub(super) fn writes_at(site: &Site, path: &Path) -> Result<bool, Failure> {
    let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let Ok(within) = place.strip_prefix(&site.root) else { return Ok(false) };
    let repo = site.repository()?;
    let tree = head_tree(&repo)?;
    Ok(tree.is_some_and(|tree| within == Path::new("") || tree.get_path(within).is_ok()))
}

/// The commit, which has to be here.
pub(super) fn commit<'r>(repo: &'r Repository, sha: CommitSha) -> Result<Commit<'r>, Failure> {
    repo.find_commit(oid(sha)?).map_err(|error| {
        Failure::new(
            FailureKind::UnknownCommit,
            format!(
                "commit {sha} is not in the repository at {}: {}",
                repo.path().display(),
                error.message()
            ),
        )
    })
}

/// The files of a commit.
pub(super) fn tree_of<'r>(commit: &Commit<'r>) -> Result<Tree<'r>, Failure> {
    commit.tree().or_fail(FailureKind::Repository, || format!("read the tree of {}", commit.id()))
}

/// What HEAD names; nothing before the first commit.
pub(super) fn head(repo: &Repository) -> Result<Option<CommitSha>, Failure> {
    match repo.head() {
        Ok(head) => {
            let commit = head.peel_to_commit();
            let commit = commit.or_fail(FailureKind::Repository, || "read HEAD's commit".into())?;
            sha_of(commit.id()).map(Some)
        }
        Err(error) if error.code() == ErrorCode::UnbornBranch => Ok(None),
        Err(error) => Err(repository(format!(
            "cannot read HEAD of {}: {}",
            repo.path().display(),
            error.message()
        ))),
    }
}

/// The branch that HEAD is on, such as `refs/heads/main`; nothing when it is on none.
pub(super) fn branch(repo: &Repository) -> Option<String> {
    let head = repo.find_reference("HEAD").ok()?;
    head.symbolic_target().ok().flatten().map(str::to_owned)
}

/// The files of HEAD; nothing before the first commit.
pub(super) fn head_tree(repo: &Repository) -> Result<Option<Tree<'_>>, Failure> {
    head(repo)?.map(|sha| tree_of(&commit(repo, sha)?)).transpose()
}
