//! Where the findings go: the terminal, files under `target/`, and, when the run was told so, the
//! repository: the picture, and the table in the README.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{findings::Findings, machine, picture};

/// Between these two lines of the README everything is written by a run.
const BEGIN: &str = "<!-- measured: written by `BENCH_PUBLISH=1 just bench` -->\n";
const END: &str = "<!-- measured: end -->\n";

/// The picture, and what those hear who do not see it.
const FILE: &str = "agent/benches/measured.svg";
const PICTURE: &str = "bars: ripcord's time as a part of what people use";

/// Prints the table, and writes the files.
pub(crate) fn all(findings: &Findings, into_the_repository: bool) {
    let table = findings.table();
    println!("\n{table}");
    findings.notes.iter().for_each(|note| println!("{note}"));
    let target = machine::folder();
    fs::create_dir_all(&target).unwrap();
    let picture = picture::draw(findings);
    fs::write(target.join("figures.jsonl"), findings.json_lines()).unwrap();
    fs::write(target.join("measured.svg"), &picture).unwrap();
    println!("\nfigures and picture: {}", target.display());
    if into_the_repository {
        fs::write(root().join(FILE), picture).unwrap();
        write_readme(&root().join("README.md"), &table, findings);
        println!("published: {FILE}, README.md");
    }
}

fn write_readme(file: &Path, table: &str, findings: &Findings) {
    let readme = fs::read_to_string(file).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("the README's line where figures begin");
    let (_, after) = rest.split_once(END).expect("the README's line where figures end");
    let mut notes = findings.notes.clone();
    notes.insert(0, findings.machine.clone());
    let text = format!("\n![{PICTURE}]({FILE})\n\n{table}\n{}.\n\n", notes.join(". "));
    fs::write(file, [before, BEGIN, &text, END, after].concat()).unwrap();
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
