//! Which environment of which agent a command is for: the right one, or none.

use ripcord_proto::v1::{self, Outcome, progress::Item};
use serde_json::json;

use super::{
    Fleet,
    stage::{
        SHA,
        agent::{Act, Call},
        result,
    },
};

#[tokio::test]
async fn a_name_that_only_one_agent_has_is_that_one() {
    let mut fleet = Fleet::new();
    let paris = fleet.agent("paris", &["prod"]).await;
    let lyon = fleet.agent("lyon", &["preprod"]).await;
    let said = fleet.said(&["hold", "prod"]).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(matches!(&paris.calls()[..], [Call::Hold(hold)] if hold.environment == "prod"));
    assert!(lyon.calls().is_empty());
}

#[tokio::test]
async fn a_name_that_several_have_is_refused_with_the_names_that_can_be_meant() {
    let mut fleet = Fleet::new();
    let paris = fleet.agent("paris", &["preprod"]).await;
    let lyon = fleet.agent("lyon", &["preprod", "prod"]).await;
    for arguments in [
        &["deploy", "preprod", "--sha", SHA, "--json"][..],
        &["rollback", "preprod", "--yes", "--json"],
        &["watch", "preprod", "--json"],
        &["history", "preprod", "--json"],
        &["show", "preprod", "142", "--json"],
        &["logs", "preprod", "--json"],
        &["hold", "preprod", "--json"],
        &["resume", "preprod", "--json"],
        &["verdict", "preprod", SHA, "success", "--reason", "x", "--json"],
    ] {
        let said = fleet.said(arguments).await;
        assert_eq!(said.code, 2, "{arguments:?}: {}", said.stderr);
        let reason = said.json()["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains("preprod@paris, preprod@lyon"), "{arguments:?}: {reason}");
    }
    assert!(paris.calls().is_empty() && lyon.calls().is_empty());
}

#[tokio::test]
async fn env_at_agent_reaches_that_agent_and_no_other() {
    let mut fleet = Fleet::new();
    let paris = fleet.agent("paris", &["preprod"]).await;
    let lyon = fleet.agent("lyon", &["preprod"]).await;
    fleet.dead("gone").await;
    let said = fleet.said(&["hold", "preprod@lyon", "--reason", "freeze"]).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(matches!(&lyon.calls()[..], [Call::Hold(hold)] if hold.environment == "preprod"));
    assert_eq!(paris.connections(), 0);
    assert_eq!(fleet.said(&["status", "preprod@lyon"]).await.code, 0);
    assert_eq!(paris.connections(), 0);
}

#[tokio::test]
async fn what_was_done_is_told_with_the_agent_that_did_it() {
    let mut fleet = Fleet::new();
    let _paris = fleet.agent("paris", &["preprod"]).await;
    let lyon = fleet.agent("lyon", &["preprod"]).await;
    let backup = v1::BackupInfo { id: "B-142".into(), ..v1::BackupInfo::default() };
    lyon.set_backups(v1::BackupsResponse { backups: vec![backup] });
    for (arguments, told) in [
        (&["hold", "preprod@lyon"][..], "✔ preprod@lyon is on hold, by "),
        (&["resume", "preprod@lyon"], "✔ preprod@lyon takes deployments again"),
        (
            &["verdict", "preprod@lyon", SHA, "success", "--reason", "x"],
            "✔ preprod@lyon: validated #142",
        ),
        (&["history", "preprod@lyon", "--backups"], "rollback preprod@lyon --backup B-142"),
    ] {
        let people = fleet.said(arguments).await;
        assert!(people.stdout.contains(told), "{}{}", people.stdout, people.stderr);
        let programs = fleet.said(&[arguments, &["--json"]].concat()).await.json();
        assert_eq!(programs["agent"], "lyon", "{programs}");
    }
}

#[tokio::test]
async fn while_an_agent_cannot_be_asked_nobody_is_chosen_for_it() {
    let mut fleet = Fleet::new();
    let paris = fleet.agent("paris", &["preprod"]).await;
    fleet.dead("lyon").await;
    let said = fleet.said(&["hold", "preprod", "--json"]).await;
    assert_eq!((said.code, &said.json()["error"]), (5, &json!("UNREACHABLE")), "{}", said.stderr);
    let reason = said.json()["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("such as preprod@paris") && reason.contains("lyon: "), "{reason}");
    assert!(paris.calls().is_empty(), "lyon may have it, too");
}

#[tokio::test]
async fn an_at_that_cannot_be_meant_says_what_to_write() {
    let mut fleet = Fleet::new();
    let paris = fleet.agent("paris", &["preprod"]).await;
    let misspelt = fleet.said(&["hold", "preprod@pari"]).await;
    assert_eq!(misspelt.code, 2);
    assert!(misspelt.stderr.contains("did you mean paris?"), "{}", misspelt.stderr);
    let _lyon = fleet.agent("lyon", &["preprod"]).await;
    let other = fleet.said(&["hold", "preprod@paris", "--agent", "lyon"]).await;
    assert_eq!(other.code, 2, "{}", other.stderr);
    assert!(paris.calls().is_empty());
    std::fs::write(fleet.stage.folder.path().join("empty.toml"), "").unwrap();
    let none = super::stage::said(
        fleet.stage.operator(paris.port, &["hold", "preprod@x", "--config", "empty.toml"]),
    )
    .await;
    assert_eq!(none.code, 2);
    assert!(
        none.stderr.contains("write [agents.x] with its `url` into ripcord.toml"),
        "{}",
        none.stderr
    );
}

#[tokio::test]
async fn a_flag_or_the_files_own_agent_means_that_one_by_its_name_and_all_means_all() {
    let mut fleet = Fleet::new();
    let paris = fleet.agent("paris", &["preprod"]).await;
    let lyon = fleet.agent("lyon", &["preprod"]).await;
    assert_eq!(fleet.said(&["hold", "preprod", "--agent", "lyon"]).await.code, 0);
    assert_eq!((paris.calls().len(), lyon.calls().len()), (0, 1));
    fleet.write("agent = \"paris\"");
    assert_eq!(fleet.said(&["hold", "preprod"]).await.code, 0);
    assert_eq!((paris.calls().len(), lyon.calls().len()), (1, 1));
    assert_eq!(fleet.said(&["status", "--json"]).await.json()["schema"], "ripcord/v1/status");
    let all = fleet.said(&["status", "--json", "--agent", "all"]).await.json();
    assert_eq!(all["schema"], "ripcord/v1/fleet-status");
    let unknown = fleet.said(&["status", "--agent", "berlin"]).await;
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("there are paris, lyon"), "{}", unknown.stderr);
}

#[tokio::test]
async fn an_agent_with_a_certificate_of_its_own_uses_that_one_and_nobody_elses() {
    let mut fleet = Fleet::new();
    let _paris = fleet.agent("paris", &["preprod"]).await;
    let _lyon = fleet.agent("lyon", &["preprod"]).await;
    fleet.stage.certs("other");
    let file = fleet.stage.folder.path().join("ripcord.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}ca = \"other/agent-ca.pem\"\n")).unwrap();
    let refused = fleet.said(&["status", "--json"]).await;
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    let codes = [0, 1].map(|at| refused.json()["agents"][at]["exit_code"].clone());
    assert_eq!(codes, [0, 4], "only the last one trusts somebody else");
    let typed = fleet.said(&["status", "--ca", "pki/agent-ca.pem"]).await;
    assert_eq!(typed.code, 0, "what is typed wins over every file: {}", typed.stderr);
}

#[tokio::test]
async fn every_command_that_goes_back_names_the_agent_that_it_is_for() {
    let mut fleet = Fleet::new();
    let told = v1::Result {
        undo: "ripcord rollback preprod --to 141 && ripcord resume preprod".into(),
        by_hand: vec!["ripcord rollback preprod --backup B".into(), "tar -xpf /b -C /".into()],
        ..result(Outcome::Validated)
    };
    let acts = || (0..2).map(|_| Act::Tell(vec![Item::Result(told.clone())])).collect();
    let _paris = fleet.playing("paris", acts()).await;
    let _lyon = fleet.playing("lyon", vec![]).await;
    let undo = "ripcord rollback preprod --to 141 --agent paris && \
                ripcord resume preprod --agent paris";
    let people = fleet.said(&["show", "preprod@paris", "142"]).await;
    assert!(people.stdout.contains(undo), "{}", people.stdout);
    let told = fleet.said(&["watch", "preprod@paris", "142", "--json"]).await.json();
    assert_eq!((&told["undo"], &told["agent"]), (&json!(undo), &json!("paris")));
    let by_hand = ["ripcord rollback preprod --backup B --agent paris", "tar -xpf /b -C /"];
    assert_eq!(told["by_hand"], json!(by_hand));
}
