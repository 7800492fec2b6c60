//! In GitHub Actions: groups, fences, annotations, the summary, and one word at the end.

use std::fs;

use crate::project::{Project, Said, said};

async fn in_actions(project: &Project, arguments: &[&str]) -> Said {
    let mut command = project.command(arguments);
    command.env("GITHUB_ACTIONS", "true");
    command.env("GITHUB_STEP_SUMMARY", project.path("summary.md"));
    said(command).await
}

/// What the log of a workflow obeys: commands at the beginning of a line, outside of any fence.
fn obeyed(log: &str) -> Vec<&str> {
    let mut fence: Option<String> = None;
    let mut obeyed = Vec::new();
    for line in log.lines() {
        match &fence {
            Some(end) if line == *end => fence = None,
            Some(_) => {}
            None if line.starts_with("::stop-commands::") => {
                fence = Some(format!("::{}::", &line["::stop-commands::".len()..]));
            }
            None if line.trim_start().starts_with("::") => obeyed.push(line),
            None => {}
        }
    }
    assert_eq!(fence, None, "a fence stays closed");
    obeyed
}

#[tokio::test]
async fn each_job_is_one_flat_group_and_nothing_that_it_prints_is_obeyed() {
    let hostile = "echo ::error::owned; echo '::add-mask::x'; echo '::endgroup::'; echo '::stop-commands::x'; exit 1";
    let project = Project::of_jobs(&[("bad", hostile, ""), ("good", "echo ::warning::owned", "")]);
    let said = in_actions(&project, &["-j", "1"]).await;
    let obeyed = obeyed(&said.stderr);
    let kinds: Vec<&str> = obeyed.iter().map(|line| line.split("::").nth(1).unwrap()).collect();
    assert_eq!(
        kinds,
        ["group", "endgroup", "group", "endgroup", "error title=ripcord"],
        "{}",
        said.stderr
    );
    assert!(obeyed[0].starts_with("::group::❌ bad failed in "), "{}", obeyed[0]);
    assert_eq!(obeyed[4], "::error title=ripcord::check a is red: bad");
    let fences = |line: &&str| line.starts_with("::stop-commands::") && line.len() > 40;
    let tokens: Vec<&str> = said.stderr.lines().filter(fences).collect();
    assert!(tokens.len() == 2 && tokens[0] != tokens[1], "a token is used twice: {tokens:?}");
}

#[tokio::test]
async fn complaints_are_shown_at_their_lines_outside_of_the_fence() {
    let project = Project::of_jobs(&[
        ("PEP8, 100 %", "echo 'src/a.py:3:16: E201 50% of: it'; exit 1", "dir = '10_preprod'"),
        (
            "types",
            "echo '../x.py:4: error: Bad  [misc]'; exit 1",
            "dir = '10_preprod'\nallow_failure = true",
        ),
    ]);
    project.write("10_preprod/keep", "");
    let said = in_actions(&project, &[]).await;
    let obeyed = obeyed(&said.stderr);
    for expected in [
        "::error file=10_preprod/src/a.py,line=3,col=16,title=PEP8%2C 100 %25%3A E201::50%25 of: it",
        "::warning file=x.py,line=4,title=types%3A misc::Bad",
    ] {
        assert!(obeyed.contains(&expected), "{}", said.stderr);
    }
}

#[tokio::test]
async fn github_shows_ten_errors_of_a_step_so_every_job_gets_its_turn_and_the_last_word_its_place()
{
    let many = "for n in $(seq 30); do echo \"$NAME.py:$n:1: E501 long\"; done; exit 1";
    let (one, two) = (many.replace("$NAME", "one"), many.replace("$NAME", "two"));
    let project = Project::of_jobs(&[
        ("one", &one, ""),
        ("two", &two, ""),
        ("three", &many.replace("$NAME", "three"), "allow_failure = true"),
    ]);
    let said = in_actions(&project, &[]).await;
    let obeyed = obeyed(&said.stderr);
    let count = |begin: &str| obeyed.iter().filter(|line| line.starts_with(begin)).count();
    assert_eq!((count("::error "), count("::warning ")), (10, 10), "{}", said.stderr);
    assert_eq!((count("::error file=one"), count("::error file=two")), (5, 4));
    assert!(obeyed.last().unwrap().starts_with("::error title=ripcord::"));
}

#[tokio::test]
async fn a_green_run_says_nothing_that_looks_like_an_error() {
    let project = Project::of_jobs(&[("x", "echo 'a.py:1:1: E501 long'", "")]);
    let said = in_actions(&project, &[]).await;
    assert_eq!(said.code, 0);
    assert!(!said.stderr.contains("::error"), "{}", said.stderr);
}

#[tokio::test]
async fn the_summary_is_a_table_that_no_job_can_write_into() {
    let run = "echo 'a_b.py:1:1: E501 <img src=x> | `code`'; exit 1";
    let project = Project::of_jobs(&[
        ("a | b <script>", run, ""),
        ("late", "true", "needs = ['a | b <script>']"),
    ]);
    project.write("summary.md", "what was there\n");
    in_actions(&project, &[]).await;
    let page = fs::read_to_string(project.path("summary.md")).unwrap();
    assert!(page.starts_with("what was there\n### ❌ a is RED: 1 failed, 1 skipped"), "{page}");
    assert!(page.contains("\n|---|---|--:|---|\n| ❌ | a \\| b &lt;script&gt; | "), "{page}");
    assert!(page.contains("| ⏭ | late |  | skipped: needs a \\| b &lt;script&gt; |\n"), "{page}");
    assert!(page.contains("\n- a\\_b.py:1:1: E501 &lt;img src=x&gt; \\| \\`code\\`\n"), "{page}");
}

#[tokio::test]
async fn json_stays_one_object_on_standard_output() {
    let project = Project::of_jobs(&[("x", "exit 1", "")]);
    let said = in_actions(&project, &["--json", "-q"]).await;
    assert_eq!((said.code, said.json()["exit_code"].as_i64()), (7, Some(7)));
    assert_eq!(obeyed(&said.stderr), ["::error title=ripcord::check a is red: x"]);
}
