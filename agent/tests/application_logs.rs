//! Logs through a real agent, with an application that it supervises itself: nothing is lost or
//! repeated across restarts, crashes, reconnections and the agent's own end.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod git;
    pub mod lines;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}

use std::fs;

use ripcord_proto::v1::{LogLine, Outcome, OutputStream, StreamLogsRequest};
use support::{
    lines::{
        self, LogReader, agents_own, application, assert_consecutive, deployment_marks, follow,
        numbers, story,
    },
    site::{Agent, Client, Site, deploy, request},
};

/// Counts as long as it lives, over all its lives; ends at once when it finds a file `crash`.
const COUNTING: &str = "stop=
trap 'stop=1' TERM
i=$(cat ../last 2>/dev/null || echo 0)
while test -z \"$stop\"; do
    i=$((i+1)); echo \"n $i\"; echo $i >../last
    test $((i % 5)) -ne 0 || echo \"fifth $i\" >&2
    if test -e ../crash; then rm ../crash; exit 3; fi
    sleep 0.01
done
echo bye
";

async fn counting_site() -> (Site, Agent) {
    let site = Site::new().await;
    fs::write(site.git.work.join("app.sh"), COUNTING).unwrap();
    let runtime = "kind = \"process\"\nrun = [\"sh\", \"app.sh\"]";
    let verify = "source = \"command\"\nrun = [[\"sh\", \"check.sh\"]]";
    let environment = site.environment_of("lab", runtime, &site.application, verify);
    let hooks = "[environments.lab.hooks]\npost_restart = [[\"echo\", \"warmed up\"]]\n";
    let agent = site.start(&[&environment, hooks].concat());
    (site, agent)
}

async fn deployed(site: &Site, client: &mut Client, page: &str) -> String {
    let sha = site.git.pushed(page);
    let told = deploy(client, request("lab", &sha)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    sha
}

fn is_number_after(last: u64) -> impl Fn(&LogLine) -> bool {
    move |line| numbers(std::slice::from_ref(line)).iter().any(|number| *number > last)
}

#[tokio::test]
async fn followers_get_every_line_once_across_a_deployment_and_a_crash() {
    let (site, agent) = counting_site().await;
    let mut client = site.client(&agent);
    deployed(&site, &mut client, "one").await;
    let mut first = LogReader::open(&mut client, follow()).await;
    first.until(0, is_number_after(20)).await;
    let new = StreamLogsRequest { tail: Some(0), ..follow() };
    let mut second = LogReader::open(&mut client, new).await;

    let sha = deployed(&site, &mut client, "two").await;
    fs::write(site.folder.path().join("crash"), "").unwrap();
    let crashed = first.until(0, |line| line.marker && line.line.contains("started after a crash"));
    let crashed = crashed.await;
    let before = numbers(&first.lines[..crashed]).last().copied().unwrap();
    first.until(crashed, is_number_after(before)).await;
    second.until(0, is_number_after(before)).await;

    assert_consecutive(&first.lines);
    assert_consecutive(&second.lines);
    assert_eq!(numbers(&first.lines)[0], 1, "the backlog is part of it");
    let mark = format!("deployment #2: {} two", &sha[..7]);
    assert_eq!(deployment_marks(&second.lines), [&mark]);
    assert_eq!(deployment_marks(&first.lines)[1..], [&mark]);
    for reader in [&first, &second] {
        let mark = reader.lines.iter().position(|line| line.line == mark).unwrap();
        assert!(reader.lines[..mark].iter().all(|line| line.deployment < 2));
        assert!(reader.lines[mark..].iter().all(|line| line.deployment == 2));
    }
}

#[tokio::test]
async fn tail_since_include_and_exclude_choose_lines() {
    let (site, agent) = counting_site().await;
    let mut client = site.client(&agent);
    deployed(&site, &mut client, "one").await;
    let mut reader = LogReader::open(&mut client, follow()).await;
    reader.until(0, is_number_after(30)).await;
    drop(agent);
    let agent = Agent::start(&site.folder.path().join("agent.toml"));
    let mut client = site.client(&agent);
    let plain = |lines: Vec<LogLine>| -> Vec<LogLine> {
        lines.into_iter().filter(|line| !line.marker).collect()
    };

    let fifths = StreamLogsRequest { include: vec!["^fifth [0-9]+$".to_owned()], ..application() };
    let fifths = plain(lines::read(&mut client, fifths).await);
    assert!(fifths.len() >= 6, "{fifths:?}");
    assert!(fifths.iter().all(|line| line.stream() == OutputStream::Stderr), "{fifths:?}");
    let others = StreamLogsRequest { exclude: vec!["fifth".to_owned()], ..application() };
    let others = plain(lines::read(&mut client, others).await);
    assert!(others.len() >= 30 && !others.iter().any(|line| line.line.contains("fifth")));

    let known = reader.lines.iter().find(|line| line.line == "n 17").unwrap();
    let since = StreamLogsRequest { since_unix_nanos: known.time_unix_nanos, ..application() };
    assert_eq!(plain(lines::read(&mut client, since).await)[0].line, "n 17");
    let until = StreamLogsRequest { until_unix_nanos: known.time_unix_nanos, ..application() };
    assert_eq!(numbers(&lines::read(&mut client, until).await).last(), Some(&16));
    let tail = StreamLogsRequest { tail: Some(3), ..application() };
    let tail = lines::read(&mut client, tail).await;
    assert!(tail.iter().filter(|line| line.source != "deployment").count() == 3, "{tail:?}");
}

#[tokio::test]
async fn a_reader_goes_on_where_it_was_also_after_the_agent_was_killed() {
    let (site, agent) = counting_site().await;
    let mut client = site.client(&agent);
    deployed(&site, &mut client, "one").await;
    let mut reader = LogReader::open(&mut client, follow()).await;
    reader.until(0, is_number_after(20)).await;
    let mut seen = reader.lines.clone();

    let cursor = reader.cursor.clone();
    reader = LogReader::open(&mut client, StreamLogsRequest { cursor, ..follow() }).await;
    let last = numbers(&seen).last().copied().unwrap();
    reader.until(0, is_number_after(last + 10)).await;
    seen.extend(reader.lines.iter().cloned());
    assert_consecutive(&seen);

    agent.kill();
    let agent = Agent::start(&site.folder.path().join("agent.toml"));
    let mut client = site.client(&agent);
    let cursor = reader.cursor.clone();
    reader = LogReader::open(&mut client, StreamLogsRequest { cursor, ..follow() }).await;
    let started = reader.until(0, |line| line.marker && line.line.contains("started by the agent"));
    let started = started.await;
    reader.until(started, is_number_after(0)).await;
    seen.extend(reader.lines);
    let all = lines::read(&mut client, application()).await;
    assert_eq!(seen, all[..seen.len()], "what one reader got in three parts is the whole log");
}

#[tokio::test]
async fn a_deployments_story_has_the_output_of_hooks_and_checks() {
    let (site, agent) = counting_site().await;
    let mut client = site.client(&agent);
    deployed(&site, &mut client, "one").await;
    deployed(&site, &mut client, "two").await;
    let told = lines::read(&mut client, story(2)).await;
    let has = |source: &str, text: &str| {
        told.iter().any(|line| line.source == source && line.line.contains(text))
    };
    assert!(has("post_restart", "warmed up"), "{told:#?}");
    assert!(has("check", "checking"), "{told:#?}");
    assert!(has("ripcord", "restarted `sh app.sh`"), "{told:#?}");
    assert!(told.iter().all(|line| line.deployment == 2));
    let last = StreamLogsRequest { tail: Some(2), ..story(2) };
    assert_eq!(lines::read(&mut client, last).await, told[told.len() - 2..]);
}

#[tokio::test]
async fn the_agents_own_log_tells_what_it_did() {
    let (site, agent) = counting_site().await;
    let mut client = site.client(&agent);
    let sha = deployed(&site, &mut client, "one").await;
    let own = lines::read(&mut client, agents_own()).await;
    let has = |text: &str| own.iter().any(|line| line.line.contains(text));
    assert!(has("listening") && has("restarting the application"), "{own:#?}");
    assert!(has(&sha[..7]), "{own:#?}");
}
