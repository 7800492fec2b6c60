//! `status`, `health`, `stats` and `doctor` of several agents.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use ripcord_proto::v1::{DiagnoseResponse, EnvironmentStats, HealthInfo, Rights, StatsResponse};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::TcpListener,
    time::timeout,
};

use super::{Fleet, environment, stage::DEADLINE, status};

#[tokio::test]
async fn one_table_shows_all_in_the_order_of_the_file_and_a_dead_one_in_its_place() {
    let mut fleet = Fleet::new();
    let _paris = fleet.agent("paris", &["preprod", "prod"]).await;
    fleet.dead("lyon").await;
    let berlin = fleet.agent("berlin", &["preprod"]).await;
    let mut ill = environment("preprod");
    ill.health = Some(HealthInfo { ok: false, status: 502, detail: "HTTP 502".into() });
    let mut told = status("berlin", &[]);
    told.environments.push(ill);
    berlin.set_status(told);
    let said = fleet.said(&["status"]).await;
    assert_eq!(said.code, 5, "{}", said.stderr);
    let lyon = said.stdout.lines().find(|line| line.starts_with("lyon")).unwrap();
    let shown = said.stdout.replace(lyon, "lyon");
    insta::assert_snapshot!(shown, @r"
    AGENT   ENV      LIVE          VALIDATED  PHASE  HEALTH    HOLD  FILES  URL
    paris   preprod  acfdb42 #142  -          idle   ok        -     -
    paris   prod     acfdb42 #142  -          idle   ok        -     -
    lyon
    berlin  preprod  acfdb42 #142  -          idle   DOWN 502  -     -
    preprod@berlin: unhealthy: HTTP 502
    ");
    assert!(lyon.starts_with("lyon    unreachable: the agent at 127.0.0.1:"), "{lyon}");
    assert_eq!(fleet.said(&["status", "--check"]).await.code, 10, "users see it now: that counts");
}

#[tokio::test]
async fn programs_get_the_object_of_each_agent_and_that_of_one_alone_stays_as_it_is() {
    let mut fleet = Fleet::new();
    let _paris = fleet.agent("paris", &["preprod"]).await;
    let alone = fleet.said(&["status", "--json"]).await.json();
    assert_eq!(alone["schema"], "ripcord/v1/status");
    fleet.dead("lyon").await;
    let said = fleet.said(&["status", "--json"]).await;
    let object = said.json();
    assert_eq!((said.code, &object["exit_code"]), (5, &json!(5)));
    assert_eq!(object["schema"], "ripcord/v1/fleet-status");
    assert_eq!(object["agents"][0]["name"], "paris");
    assert_eq!(object["agents"][0]["status"], alone);
    assert_eq!(object["agents"][0]["error"], Value::Null);
    let lyon = &object["agents"][1];
    assert_eq!((&lyon["status"], &lyon["exit_code"]), (&Value::Null, &json!(5)));
    assert_eq!(lyon["error"]["error"], "UNREACHABLE");
    let named = fleet.said(&["status", "preprod@paris", "--json"]).await.json();
    assert_eq!(named["schema"], "ripcord/v1/status", "one agent is meant");
    let typed = fleet.said(&["status", "--agent", "paris", "--json"]).await.json();
    assert_eq!(typed, named);
}

#[tokio::test]
async fn an_agent_that_takes_connections_and_never_answers_delays_nobody_beyond_its_time() {
    let mut fleet = Fleet::new();
    for name in ["a", "b", "c"] {
        fleet.hanging(name).await;
    }
    let _paris = fleet.agent("paris", &["preprod"]).await;
    let begun = Instant::now();
    let said = fleet.said(&["status", "--timeout", "2s"]).await;
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "not one time for each: {:?}",
        begun.elapsed()
    );
    assert_eq!(said.code, 5);
    assert!(said.stdout.contains("paris  preprod"), "{}", said.stdout);
    assert_eq!(said.stdout.matches("no answer within 2.0 s").count(), 3, "{}", said.stdout);
}

#[tokio::test]
async fn a_hundred_agents_answer_one_command() {
    let mut fleet = Fleet::new();
    let mut agents = Vec::new();
    for number in 0..100 {
        agents.push(fleet.agent(&format!("vm{number}"), &["preprod"]).await);
    }
    let said = fleet.said(&["status", "--json"]).await;
    assert_eq!(said.code, 0, "{} {}", said.stdout, said.stderr);
    let object = said.json();
    let names: Vec<&str> = object["agents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    let expected: Vec<String> = (0..100).map(|number| format!("vm{number}")).collect();
    assert_eq!(names, expected);
    for (at, agent) in agents.iter().enumerate() {
        assert_eq!(object["agents"][at]["status"]["agent"]["host"], format!("vm{at}"));
        assert_eq!(agent.connections(), 1, "one connection each");
    }
}

#[tokio::test]
async fn no_more_than_32_are_asked_at_once_and_all_are_asked() {
    let mut fleet = Fleet::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (0..70).for_each(|number| fleet.add(&format!("vm{number}"), port));
    let (now, most, all) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
    );
    let counters = (now.clone(), most.clone(), all.clone());
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let (now, most, all) = (counters.0.clone(), counters.1.clone(), counters.2.clone());
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            all.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let _ = socket.read_to_end(&mut Vec::new()).await;
                now.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    let said = fleet.said(&["status", "--timeout", "1s"]).await;
    assert_eq!(said.code, 5);
    assert_eq!(said.stdout.matches("unreachable").count(), 70);
    assert_eq!(all.load(Ordering::SeqCst), 70);
    // The one that comes may be seen before the one that went.
    assert!((20..=64).contains(&most.load(Ordering::SeqCst)), "{most:?}");
}

#[tokio::test]
async fn an_environment_is_shown_wherever_it_is_and_agents_without_it_are_left_out() {
    let mut fleet = Fleet::new();
    let _paris = fleet.agent("paris", &["preprod", "prod"]).await;
    let _lyon = fleet.agent("lyon", &["preprod"]).await;
    let preprod = fleet.said(&["status", "preprod"]).await;
    assert_eq!(preprod.stdout.matches("preprod").count(), 2, "{}", preprod.stdout);
    let prod = fleet.said(&["status", "prod"]).await;
    assert!(prod.code == 0 && !prod.stdout.contains("lyon"), "{}", prod.stdout);
    let nowhere = fleet.said(&["status", "lab", "--json"]).await;
    assert_eq!((nowhere.code, &nowhere.json()["error"]), (6, &json!("UNKNOWN_ENVIRONMENT")));
    assert_eq!(
        nowhere.json()["reason"],
        "no agent shows an environment \"lab\" to this certificate"
    );
    let named = fleet.said(&["status", "prod@lyon", "preprod@paris", "--json"]).await.json();
    assert_eq!(named["agents"][0]["status"]["environments"][0]["name"], "preprod");
    assert_eq!(named["agents"][1]["error"]["error"], "UNKNOWN_ENVIRONMENT");
}

#[tokio::test]
async fn a_misspelt_name_is_a_mistake_also_beside_one_that_is_found() {
    let mut fleet = Fleet::new();
    let paris = fleet.agent("paris", &["preprod"]).await;
    let lyon = fleet.agent("lyon", &["prod"]).await;
    let figures = |name: &str| StatsResponse {
        environments: vec![EnvironmentStats { name: name.into(), ..EnvironmentStats::default() }],
    };
    paris.set_stats(figures("preprod"));
    lyon.set_stats(figures("prod"));
    for arguments in [
        &["status", "--check", "preprod", "prdo", "--json"][..],
        &["health", "preprod", "prdo", "--json"],
        &["doctor", "prdo", "--json"],
        &["doctor", "preprod", "prdo", "--json"],
        &["stats", "prdo", "--json"],
        &["status", "-w", "preprod", "prdo", "--json"],
    ] {
        let said = fleet.said(arguments).await;
        assert_eq!(said.code, 6, "{arguments:?}: {}{}", said.stdout, said.stderr);
        let reason = said.json()["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains("no agent shows an environment \"prdo\""), "{reason}");
    }
    fleet.dead("berlin").await;
    for verb in ["status", "doctor"] {
        let said = fleet.said(&[verb, "prdo"]).await;
        assert_eq!(said.code, 5, "berlin may have it: {}{}", said.stdout, said.stderr);
    }
}

#[tokio::test]
async fn in_a_workflow_whatever_is_not_well_somewhere_is_one_annotation() {
    let mut fleet = Fleet::new();
    let paris = fleet.agent("paris", &["preprod"]).await;
    paris.set_stats(StatsResponse { environments: vec![EnvironmentStats::default()] });
    fleet.dead("lyon").await;
    for (arguments, code, told) in [
        (&["doctor"][..], 5, "ripcord doctor: "),
        (&["stats"], 5, "ripcord stats: "),
        (&["status"], 5, "lyon: the agent at 127.0.0.1"),
        (&["status", "prod@paris", "preprod@lyon"], 5, "paris: the agent shows no environment"),
        (&["doctor", "--agent", "lyon"], 5, "1 problem"),
    ] {
        let mut command = fleet.stage.bare(arguments);
        command.env("GITHUB_ACTIONS", "true");
        let said = super::stage::said(command).await;
        assert_eq!(said.code, code, "{arguments:?}: {}", said.stderr);
        let lines: Vec<&str> = said.stderr.lines().filter(|it| it.contains("::error")).collect();
        assert!(matches!(&lines[..], [one] if one.contains(told)), "{arguments:?}: {lines:?}");
    }
}

#[tokio::test]
async fn figures_and_health_come_from_all_and_name_who_is_silent() {
    let mut fleet = Fleet::new();
    let paris = fleet.agent("paris", &["preprod"]).await;
    fleet.dead("lyon").await;
    let of = |name: &str| EnvironmentStats { name: name.into(), ..EnvironmentStats::default() };
    paris.set_stats(StatsResponse { environments: vec![of("preprod"), of("prod")] });
    let stats = fleet.said(&["stats", "preprod"]).await;
    assert_eq!(stats.code, 5);
    assert!(stats.stdout.starts_with("preprod@paris from"), "{}", stats.stdout);
    assert!(
        stats.stdout.contains("\nlyon  unreachable: ")
            && !stats.stdout.contains("prod@paris from —\n\nprod")
    );
    let object = fleet.said(&["stats", "--json"]).await.json();
    assert_eq!(object["schema"], "ripcord/v1/fleet-stats");
    assert_eq!(object["agents"][0]["stats"]["schema"], "ripcord/v1/stats");

    let mut place = environment("preprod");
    place.probe_url = "http://127.0.0.1:1/".into();
    place.set_phase(ripcord_proto::v1::Phase::Restarting);
    let mut told = status("paris", &[]);
    told.environments.push(place);
    paris.set_status(told);
    let health = fleet.said(&["health"]).await;
    assert_eq!(health.code, 5, "{}", health.stdout);
    assert!(health.stdout.contains("paris  preprod  deploying"), "{}", health.stdout);
    assert!(health.stdout.contains("\nlyon   unreachable: "), "{}", health.stdout);
}

#[tokio::test]
async fn doctor_looks_at_all_and_shows_what_is_not_in_order() {
    let mut fleet = Fleet::new();
    let paris = fleet.agent("paris", &["preprod"]).await;
    fleet.dead("lyon").await;
    let rights = Rights { environment: "preprod".into(), allowed: vec!["status".into()] };
    let agent = status("paris", &[]).agent;
    paris.set_diagnosis(DiagnoseResponse {
        rights: vec![rights],
        agent,
        ..DiagnoseResponse::default()
    });
    let said = fleet.said(&["doctor"]).await;
    assert_eq!(said.code, 5, "{}{}", said.stdout, said.stderr);
    let (paris, lyon) =
        (said.stdout.find("paris: ").unwrap(), said.stdout.find("✘ lyon: 1 problem").unwrap());
    assert!(paris < lyon, "{}", said.stdout);
    assert!(said.stdout[lyon..].contains("connection refused"), "{}", said.stdout);
    let object = fleet.said(&["doctor", "--json"]).await.json();
    assert_eq!(object["schema"], "ripcord/v1/fleet-doctor");
    assert_eq!(object["agents"][1]["doctor"]["exit_code"], 5);
    let only = fleet.said(&["doctor", "preprod@paris", "--json"]).await.json();
    assert_eq!(only["schema"], "ripcord/v1/doctor", "{only}");
}

#[tokio::test]
async fn who_looks_on_sees_what_changes_although_another_one_never_answers() {
    let mut fleet = Fleet::new();
    fleet.hanging("lyon").await;
    let paris = fleet.agent("paris", &["preprod"]).await;
    let mut command = fleet.stage.bare(&["status", "-w"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen = async |what: &str| {
        let reading = async {
            while !lines.next_line().await.unwrap().expect("it goes on").contains(what) {}
        };
        timeout(DEADLINE, reading).await.unwrap_or_else(|_| panic!("{what}"));
    };
    seen("paris  preprod").await;
    paris.set_status(status("paris", &["prod"]));
    seen("paris  prod ").await;
    paris.vanish();
    seen("paris  unreachable").await;
    child.kill().await.unwrap();
}
