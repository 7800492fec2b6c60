//! What an index notes of its folders: the id of each as a tree, so that nobody has to read the
//! trees of a commit to see that the index has exactly its files.

use std::{collections::BTreeMap, ops::Range};

use git2::{ObjectType, Oid, Repository, Tree};

/// Bytes of an id.
const ID: usize = 20;

/// The folders of an index, outermost first.
#[derive(Debug, Default)]
pub(super) struct CacheTree {
    bytes: Vec<u8>,
    root: Option<Folder>,
}

#[derive(Debug)]
struct Folder {
    name: Range<usize>,
    /// Its id and the number of files in it and below; nothing when that is not known.
    known: Option<(Oid, usize)>,
    folders: Vec<Folder>,
    /// All that is noted of it.
    bytes: Range<usize>,
}

impl CacheTree {
    /// Reads the extension `TREE` of an index.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut at = 0;
        let root = folder(bytes, &mut at)?;
        Some(Self { bytes: bytes.to_vec(), root: Some(root) })
    }

    /// The tree that the index has, if it is known.
    pub(super) fn root(&self) -> Option<Oid> {
        let (id, _) = self.root.as_ref()?.known?;
        Some(id)
    }

    /// The extension for an index that has the files of `tree`; folders that are as before are not
    /// read again.
    pub(super) fn renewed(
        &self,
        repo: &Repository,
        tree: &Tree<'_>,
    ) -> Result<Vec<u8>, git2::Error> {
        let mut noted = Vec::with_capacity(self.bytes.len() + 64);
        self.note(repo, b"", self.root.as_ref(), tree.id(), &mut noted)?;
        Ok(noted)
    }

    /// Notes one folder, and answers how many files it has.
    fn note(
        &self,
        repo: &Repository,
        name: &[u8],
        before: Option<&Folder>,
        tree: Oid,
        noted: &mut Vec<u8>,
    ) -> Result<usize, git2::Error> {
        if let Some(Folder { known: Some((id, files)), bytes, .. }) = before
            && *id == tree
        {
            noted.extend_from_slice(&self.bytes[bytes.clone()]);
            return Ok(*files);
        }
        let known = before.into_iter().flat_map(|before| &before.folders);
        let known: BTreeMap<_, _> = known.map(|it| (&self.bytes[it.name.clone()], it)).collect();
        let (mut files, mut folders, mut inner) = (0, 0, Vec::new());
        for entry in &repo.find_tree(tree)? {
            if entry.kind() != Some(ObjectType::Tree) {
                files += 1;
                continue;
            }
            let known = known.get(entry.name_bytes()).copied();
            files += self.note(repo, entry.name_bytes(), known, entry.id(), &mut inner)?;
            folders += 1;
        }
        noted.extend_from_slice(name);
        noted.push(0);
        noted.extend_from_slice(format!("{files} {folders}\n").as_bytes());
        noted.extend_from_slice(tree.as_bytes());
        noted.append(&mut inner);
        Ok(files)
    }
}

/// `<name> NUL <files> SP <folders> LF <id>`, and then the folders in it. No id where the number of
/// files is negative.
fn folder(bytes: &[u8], at: &mut usize) -> Option<Folder> {
    let begin = *at;
    let name = begin..until(bytes, at, 0)?;
    let files = number(bytes, at, b' ')?;
    let below = number(bytes, at, b'\n')?;
    let known = match usize::try_from(files) {
        Ok(files) => {
            let id = Oid::from_bytes(bytes.get(*at..*at + ID)?).ok()?;
            *at += ID;
            Some((id, files))
        }
        Err(_) => None,
    };
    let folders = (0..below).map(|_| folder(bytes, at)).collect::<Option<_>>()?;
    Some(Folder { name, known, folders, bytes: begin..*at })
}

fn number(bytes: &[u8], at: &mut usize, end: u8) -> Option<i64> {
    let begin = *at;
    let end = until(bytes, at, end)?;
    std::str::from_utf8(&bytes[begin..end]).ok()?.parse().ok()
}

/// Goes behind the next `end`, and answers where that is.
fn until(bytes: &[u8], at: &mut usize, end: u8) -> Option<usize> {
    let found = *at + bytes.get(*at..)?.iter().position(|byte| *byte == end)?;
    *at = found + 1;
    Some(found)
}
