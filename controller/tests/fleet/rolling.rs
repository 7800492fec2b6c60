//! `deploy` and `rollback` with `--agents`: in order, no more than so many at once, one exit code.

use ripcord_proto::v1::{self, Outcome, progress::Item};
use serde_json::{Value, json};
use tokio::process::Command;

use super::{
    Fleet,
    script::{deploy, deployed, ended, plan, planned, start, story, until, with_word},
    stage::{
        SHA, admitted,
        agent::{Act, Agent, Call, refusal},
        result, rolled_back,
    },
};

const OTHER_SHA: &str = "7c0ffee7c0ffee7c0ffee7c0ffee7c0ffee7c0ff";

#[tokio::test]
async fn no_more_than_max_parallel_run_at_once_and_the_next_begins_when_one_is_done() {
    let mut fleet = Fleet::new();
    let mut agents = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let hanging = Act::TellAndHang(vec![admitted()]);
        let end = Act::Tell(vec![Item::Result(result(Outcome::Validated))]);
        agents.push(fleet.playing(name, vec![planned(plan()), hanging, end]).await);
    }
    // Not the order of the file: the one that is given.
    let arguments = deploy("d,c,b,a", &["--max-parallel", "2", "--json"]);
    let child = start(fleet.stage.bare(&arguments));
    let running = |agents: &[Agent]| -> Vec<usize> {
        agents.iter().map(|agent| deployed(agent).len().min(1)).collect()
    };
    until("two begin", || running(&agents) == [0, 0, 1, 1]).await;
    agents[2].cut();
    until("the next one begins", || running(&agents) == [0, 1, 1, 1]).await;
    agents[1].cut();
    until("the last one begins", || running(&agents) == [1, 1, 1, 1]).await;
    agents[3].cut();
    agents[0].cut();
    let said = ended(child).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    let object = said.json();
    assert_eq!(
        (&object["schema"], &object["exit_code"]),
        (&json!("ripcord/v1/fleet-result"), &json!(0))
    );
    let names: Vec<&Value> = (0..4).map(|at| &object["agents"][at]["agent"]).collect();
    assert_eq!(names, ["d", "c", "b", "a"]);
    let first = &object["agents"][0]["result"];
    assert_eq!((&first["schema"], &first["agent"]), (&json!("ripcord/v1/result"), &json!("d")));
}

#[tokio::test]
async fn one_after_the_other_is_what_nobody_has_to_ask_for() {
    let mut fleet = Fleet::new();
    let hanging = vec![planned(plan()), Act::TellAndHang(vec![admitted()])];
    let a = fleet.playing("a", hanging).await;
    let b = fleet.playing("b", vec![planned(plan()), story(result(Outcome::Live))]).await;
    let child = start(fleet.stage.bare(&deploy("all", &["--json"])));
    until("the first begins", || deployed(&a).len() == 1).await;
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().await.unwrap().success());
    let said = ended(child).await;
    assert_eq!(said.code, 130, "{}", said.stderr);
    assert_eq!(said.json()["agents"][0]["outcome"], "pending");
    assert_eq!(said.json()["agents"][1]["outcome"], "skipped", "nothing new begins after Ctrl-C");
    assert!(deployed(&b).is_empty());
}

#[tokio::test]
async fn a_failure_stops_nothing_unless_it_is_asked_to() {
    for stops in [false, true] {
        let mut fleet = Fleet::new();
        let _a = fleet.playing("a", vec![planned(plan()), story(result(Outcome::Validated))]).await;
        let _b = fleet.playing("b", vec![planned(plan()), story(rolled_back())]).await;
        let c = fleet.playing("c", vec![planned(plan()), story(result(Outcome::Validated))]).await;
        let more: &[&str] = if stops { &["--stop-on-failure"] } else { &[] };
        let said = fleet.said(&deploy("a,b,c", more)).await;
        assert_eq!(said.code, 7, "{}", said.stderr);
        assert_eq!(deployed(&c).len(), usize::from(!stops));
        let end = said.stdout.lines().find(|line| line.starts_with('c')).unwrap();
        assert!(end.contains(if stops { "skipped" } else { "validated" }), "{}", said.stdout);
        let live = if stops { "a" } else { "a,c" };
        let back = format!("to go back there:\n  ripcord rollback preprod --agents {live}");
        assert!(said.stdout.contains(&back), "{}", said.stdout);
        assert!(said.stdout.contains("ripcord show preprod@b 142"), "{}", said.stdout);
    }
}

#[tokio::test]
async fn where_one_cannot_even_plan_stop_on_failure_begins_nowhere() {
    let mut fleet = Fleet::new();
    let a = fleet.playing("a", vec![planned(plan())]).await;
    fleet.dead("b").await;
    let said = fleet.said(&deploy("a,b", &["--stop-on-failure", "--json"])).await;
    assert_eq!(said.code, 5, "{}", said.stderr);
    assert_eq!(said.json()["agents"][0]["outcome"], "skipped");
    assert_eq!(said.json()["agents"][1]["result"]["error"], "UNREACHABLE");
    assert!(deployed(&a).is_empty());
}

#[tokio::test]
async fn a_dead_agent_is_one_failure_and_what_an_agent_refuses_it_refuses_itself() {
    let mut fleet = Fleet::new();
    fleet.dead("a").await;
    let held = || Act::Refuse(refusal("HELD", "preprod is on hold"));
    let b = fleet.playing("b", vec![held(), held()]).await;
    let c = fleet.playing("c", vec![planned(plan()), story(result(Outcome::Validated))]).await;
    let said = fleet.said(&deploy("a,b,c", &["--json"])).await;
    assert_eq!(said.code, 5, "not knowing is worse than a refusal: {}", said.stderr);
    let object = said.json();
    let outcomes: Vec<&Value> = (0..3).map(|at| &object["agents"][at]["outcome"]).collect();
    assert_eq!(outcomes, ["error", "refused", "validated"]);
    assert_eq!(deployed(&b)[0].expected_plan, ["refused: preprod is on hold"]);
    assert_eq!(deployed(&c).len(), 1);
}

#[tokio::test]
async fn the_same_request_is_repeated_under_the_same_id_at_each_agent_and_another_at_each() {
    let mut fleet = Fleet::new();
    let acts = || {
        vec![
            planned(plan()),
            story(result(Outcome::Live)),
            planned(plan()),
            story(result(Outcome::Live)),
            planned(plan()),
        ]
    };
    let (a, b) = (fleet.playing("a", acts()).await, fleet.playing("b", acts()).await);
    for _ in 0..2 {
        let said = fleet.said(&deploy("a,b", &["--request-id", "run-7"])).await;
        assert_eq!(said.code, 0, "{}", said.stderr);
    }
    let back = ["rollback", "preprod", "--agents", "a,b", "--dry-run", "--request-id", "run-7"];
    assert_eq!(fleet.said(&back).await.code, 0);
    // The plans, too: they say what is joined.
    let ids = |agent: &Agent| -> Vec<String> {
        let id = |call| match call {
            Call::Deploy(request) => request.request_id,
            Call::Rollback(request) => request.request_id,
            other => panic!("{other:?}"),
        };
        agent.calls().into_iter().map(id).collect()
    };
    assert_eq!((ids(&a), ids(&b)), (vec!["run-7-a".into(); 5], vec!["run-7-b".into(); 5]));
}

#[tokio::test]
async fn the_word_and_the_plan_that_was_shown_go_to_each_agent() {
    let mut fleet = Fleet::new();
    let other = v1::Result { plan: vec!["restart worker".into()], ..with_word("DEPLOY") };
    let a =
        fleet.playing("a", vec![planned(with_word("DEPLOY")), story(result(Outcome::Live))]).await;
    let b = fleet.playing("b", vec![planned(other), story(result(Outcome::Live))]).await;
    let said = fleet.said(&deploy("a,b", &["--confirm", "DEPLOY"])).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    for (agent, plan) in [(&a, "restart web"), (&b, "restart worker")] {
        let request = deployed(agent).remove(0);
        assert_eq!(
            (request.confirm.as_str(), request.expected_plan),
            ("DEPLOY", vec![plan.to_owned()])
        );
    }
    assert!(
        said.stderr.contains("the plan of b, to deploy acfdb42 to preprod:\n  restart worker"),
        "{}",
        said.stderr
    );
}

#[tokio::test]
async fn agents_whose_sources_validated_different_commits_deploy_nothing() {
    let mut fleet = Fleet::new();
    let of = |sha: &str| planned(v1::Result { sha: sha.into(), promotes: "lab".into(), ..plan() });
    let a = fleet.playing("a", vec![of(SHA)]).await;
    let b = fleet.playing("b", vec![of(OTHER_SHA)]).await;
    let said = fleet.said(&["deploy", "preprod", "--agents", "a,b", "--json"]).await;
    assert_eq!((said.code, &said.json()["schema"]), (2, &json!("ripcord/v1/fleet-result")));
    let reason = said.json()["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("acfdb42 at a, 7c0ffee at b"), "{reason}");
    assert!(deployed(&a).is_empty() && deployed(&b).is_empty());
}

#[tokio::test]
async fn names_that_cannot_be_meant_are_mistakes_before_anybody_is_asked() {
    let mut fleet = Fleet::new();
    let a = fleet.playing("a", vec![]).await;
    for (arguments, told) in [
        (deploy("a,a", &[]), "--agents names a twice"),
        (deploy("a,bb", &[]), "there is no agent \"bb\" in [agents]"),
        (deploy("A", &[]), "\"A\" is no name of an agent: use 1 to 63 lower-case letters"),
        (deploy("a, a", &[]), "\" a\" is no name of an agent"),
        (deploy("a,", &[]), "\"\" is no name of an agent"),
        (deploy("all,a", &[]), "\"all\" is not the name of one agent; there are a"),
        (deploy("a.example:7443", &[]), "it must begin with https://"),
        (vec!["deploy", "preprod@A", "--sha", SHA], "\"A\" is no name of an agent"),
        (vec!["deploy", "preprod@a", "--sha", SHA, "--agents", "a"], "without @"),
        (vec!["deploy", "--sha", SHA, "--agents", "a"], "--agents needs its name"),
        (
            vec!["rollback", "preprod", "--yes", "--agents", "a", "--to", "139"],
            "--to takes a commit",
        ),
        (deploy("a", &["--wait", "none", "--stop-on-failure"]), "nobody waits for a turn's end"),
        (deploy("a", &["--wait", "none", "--max-parallel", "2"]), "nobody waits for a turn's end"),
    ] {
        let said = fleet.said(&arguments).await;
        assert_eq!(said.code, 2, "{arguments:?}: {}", said.stderr);
        assert!(said.stderr.contains(told), "{}", said.stderr);
    }
    assert_eq!(a.connections(), 0);
}

#[tokio::test]
async fn every_line_of_the_story_says_whose_it_is() {
    let acts = || vec![planned(plan()), story(result(Outcome::Validated))];
    let mut fleet = Fleet::new();
    let _paris = fleet.playing("paris", acts()).await;
    let _lyon = fleet.playing("lyon", acts()).await;
    let said = fleet.said(&deploy("paris,lyon", &[])).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    let lines: Vec<&str> = said.stderr.lines().filter(|line| line.contains("step 1")).collect();
    assert_eq!(lines, ["paris │ 22:13:20  step 1", "lyon  │ 22:13:20  step 1"]);
    insta::assert_snapshot!(said.stdout, @r"
    AGENT  OUTCOME    DEPLOYMENT  COMMIT   TOOK    WHY
    paris  validated  #142        acfdb42  42.1 s
    lyon   validated  #142        acfdb42  42.1 s
    ");
}

#[tokio::test]
async fn programs_and_workflows_see_each_agents_story_apart() {
    let acts = || vec![planned(plan()), story(result(Outcome::Validated))];
    let mut fleet = Fleet::new();
    let _paris = fleet.playing("paris", [acts(), acts()].into_iter().flatten().collect()).await;
    let _lyon = fleet.playing("lyon", [acts(), acts()].into_iter().flatten().collect()).await;
    let said = fleet.said(&deploy("paris,lyon", &["--output", "ndjson"])).await;
    let lines: Vec<Value> =
        said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<(&Value, &Value)> =
        lines.iter().map(|it| (&it["schema"], &it["agent"])).collect();
    let event = json!("ripcord/v1/event");
    assert_eq!(told[..2], [(&event, &json!("paris")), (&event, &json!("lyon"))]);
    assert_eq!(told[2].0, "ripcord/v1/fleet-result");

    let arguments = deploy("paris,lyon", &[]);
    let mut command = fleet.stage.bare(&arguments);
    let output = fleet.stage.folder.path().join("output");
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_OUTPUT", &output);
    let said = super::stage::said(command).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    for name in ["paris", "lyon"] {
        assert!(
            said.stderr.contains(&format!("::group::ripcord deploy preprod@{name}\n")),
            "{}",
            said.stderr
        );
    }
    assert_eq!(said.stderr.matches("::endgroup::").count(), 2);
    let output = std::fs::read_to_string(output).unwrap();
    assert!(output.contains("ripcord/v1/fleet-result"), "{output}");
}

#[tokio::test]
async fn a_fleet_goes_back_after_one_yes_and_a_dry_run_changes_nothing() {
    let mut fleet = Fleet::new();
    let acts = || vec![planned(plan()), planned(plan()), story(result(Outcome::Validated))];
    let (a, b) = (fleet.playing("a", acts()).await, fleet.playing("b", acts()).await);
    let real = |agent: &Agent| {
        let calls = agent.calls();
        calls.iter().filter(|call| matches!(call, Call::Rollback(it) if !it.dry_run)).count()
    };
    let dry = fleet.said(&["rollback", "preprod", "--agents", "a,b", "--dry-run"]).await;
    assert_eq!((dry.code, real(&a), real(&b)), (0, 0, 0), "{}", dry.stderr);
    assert!(dry.stdout.contains("restart web"), "{}", dry.stdout);
    let unasked = fleet.said(&["rollback", "preprod", "--agents", "a,b"]).await;
    assert_eq!((unasked.code, real(&a)), (2, 0));
    let said = fleet.said(&["rollback", "preprod", "--agents", "a,b", "--yes"]).await;
    assert_eq!((said.code, real(&a), real(&b)), (0, 1, 1), "{}", said.stderr);
}
