//! Refuses commits whose attributes ask for content filters that libgit2 does not run: they would
//! be deployed as pointers, or in the wrong encoding, without a word.

use std::path::{Path, PathBuf};

use git2::{Repository, Tree};
use ripcord_core::{Failure, FailureKind};

use super::{
    changes::Change,
    errors::{OrFail, repository},
    site::Site,
    tracked::Tracked,
};

/// Where git takes attributes from.
pub(super) const NAME: &str = ".gitattributes";

/// Looks at every attributes file of `tree`, and at the repository's own.
pub(super) fn refuse_filters(
    site: &Site,
    repo: &Repository,
    index: &impl Tracked,
    tree: &Tree<'_>,
    changes: &[Change],
) -> Result<(), Failure> {
    for path in attribute_files(index, changes) {
        let Ok(entry) = tree.get_path(&path) else { continue };
        let what = || format!("read {} of the commit", path.display());
        if entry.kind() == Some(git2::ObjectType::Blob) {
            let blob = repo.find_blob(entry.id()).or_fail(FailureKind::Repository, what)?;
            refuse_lines(&path, blob.content())?;
        }
    }
    let own = site.common_dir.join("info").join("attributes");
    std::fs::read(&own).map_or(Ok(()), |text| refuse_lines(&own, &text))
}

fn attribute_files(index: &impl Tracked, changes: &[Change]) -> Vec<PathBuf> {
    let mut files = index.ending_in(NAME);
    files.extend(changes.iter().map(|change| change.path.clone()));
    files.retain(|path| is_attributes_file(path));
    files
}

/// Whether git takes attributes from there.
pub(super) fn is_attributes_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == NAME)
}

fn refuse_lines(file: &Path, text: &[u8]) -> Result<(), Failure> {
    let text = String::from_utf8_lossy(text);
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.starts_with('#')) {
        if let Some(attribute) = line.split_whitespace().skip(1).find(|word| is_unserved(word)) {
            return Err(repository(format!(
                "line {number} of {} asks for {attribute}, which is not served (LFS and other \
                 filters would be deployed unfiltered): take it out, or deploy a built artifact",
                file.display()
            )));
        }
    }
    Ok(())
}

fn is_unserved(attribute: &str) -> bool {
    let encoding = attribute.strip_prefix("working-tree-encoding=");
    attribute.starts_with("filter=")
        || encoding.is_some_and(|name| !name.eq_ignore_ascii_case("utf-8"))
}
