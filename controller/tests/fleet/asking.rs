//! What the person at the terminal is asked: always with the machine that it is about.

use ripcord_proto::v1::Outcome;

use super::{
    Fleet,
    script::{deploy, deployed, on_terminal, plan, planned, story, with_word},
    stage::{SHA, result},
};

#[tokio::test]
async fn at_a_terminal_the_word_is_typed_once_for_all_after_every_plan() {
    let mut fleet = Fleet::new();
    let acts = || vec![planned(with_word("DEPLOY")), story(result(Outcome::Live))];
    let (a, b) = (fleet.playing("a", acts()).await, fleet.playing("b", acts()).await);
    let Some((code, screen)) = on_terminal(&fleet, &deploy("a,b", &[]), "DEPLOY\n").await else {
        return;
    };
    assert_eq!(code, 0, "{screen}");
    assert_eq!(
        screen.matches("Type DEPLOY to deploy acfdb42 to preprod at a, b:").count(),
        1,
        "{screen}"
    );
    assert!(screen.find("the plan of b").unwrap() < screen.find("Type DEPLOY").unwrap());
    assert!(screen.contains("b │ 22:13:20  step 1"), "{screen}");
    for agent in [&a, &b] {
        assert_eq!(deployed(agent)[0].confirm, "DEPLOY");
    }
}

#[tokio::test]
async fn who_types_the_word_or_says_yes_reads_which_machine_it_is_for() {
    let mut fleet = Fleet::new();
    let acts = |first| vec![planned(first), story(result(Outcome::Live))];
    let _a = fleet.playing("a", acts(with_word("DEPLOY"))).await;
    let _b = fleet.playing("b", acts(plan())).await;
    let _c = fleet.playing("c", acts(plan())).await;
    let dry = fleet.said(&["deploy", "preprod@c", "--sha", SHA, "--dry-run", "--json"]).await;
    assert_eq!(dry.json()["agent"], "c");
    let arguments = ["deploy", "preprod@a", "--sha", SHA];
    let Some((code, screen)) = on_terminal(&fleet, &arguments, "DEPLOY\n").await else { return };
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("the plan, to deploy acfdb42 to preprod@a:"), "{screen}");
    assert!(screen.contains("Type DEPLOY to deploy acfdb42 to preprod@a:"), "{screen}");
    let Some((code, screen)) = on_terminal(&fleet, &["rollback", "preprod@b"], "y\n").await else {
        return;
    };
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("preprod@b goes back to acfdb42:"), "{screen}");
}
