//! What people are told by an agent that has not the right, and by one that has.

use std::{path::Path, process::Command};

use ripcord_proto::v1::{self, FindingOutcome, Outcome};

use crate::support::{
    docker::Project,
    site::{Agent, Site, deploy, request, status},
};

/// The agent as root without CAP_NET_ADMIN, or whatever this user is.
fn without_the_right(config: &Path) -> Command {
    let agent = Agent::command(config);
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-net_admin", "--inh-caps=-net_admin"]);
    command.arg(agent.get_program()).args(agent.get_args()).env_remove("RUST_LOG");
    command
}

async fn said(agent: &Agent, site: &Site) -> (Vec<String>, v1::Finding) {
    let mut client = site.client(agent);
    let advice = status(&mut client, "lab").await.advice;
    let request = v1::DiagnoseRequest { environments: vec!["lab".to_owned()] };
    let found = client.diagnose(request).await.unwrap().into_inner().findings;
    (advice, found.into_iter().find(|finding| finding.hop == "docker").unwrap())
}

#[tokio::test]
async fn an_agent_without_the_right_deploys_and_says_in_status_and_doctor_what_it_would_bring() {
    let Some(project) = Project::new() else { return };
    if !Command::new("setpriv")
        .args(["--bounding-set=-net_admin", "true"])
        .status()
        .is_ok_and(|it| it.success())
    {
        eprintln!("skipped: this user cannot start an agent with fewer rights");
        return;
    }
    project.write(&project.httpd());
    project.compose(["up", "-d"]);
    let site = Site::new().await;
    let file = project.file();
    let runtime =
        format!("kind = \"compose\"\nfile = \"{}\"\nstop_timeout = \"0s\"", file.display());
    let check = "source = \"command\"\nrun = [[\"sh\", \"check.sh\"]]";
    let environment = site.environment_of("lab", &runtime, &site.application, check);
    let config = site.write_config(&environment);

    let agent = Agent::start_as(&mut without_the_right(&config));
    let (advice, docker) = said(&agent, &site).await;
    assert_eq!(advice.len(), 1, "before anything is live: {advice:?}");
    let sha = site.git.pushed("good");
    let told = deploy(&mut site.client(&agent), request("lab", &sha)).await;
    assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
    assert!(!told.story().contains("kernel"), "{}", told.story());
    assert!(advice[0].contains("requests may wait up to a second longer"), "{advice:?}");
    assert!(advice[0].ends_with("`AmbientCapabilities=CAP_NET_ADMIN` in its unit"), "{advice:?}");
    assert_eq!(docker.outcome(), FindingOutcome::Warning, "{docker:?}");
    assert!(docker.detail.contains("requests may wait up to a second longer"), "{docker:?}");
    assert!(docker.fix.contains("CAP_NET_ADMIN"), "{docker:?}");
    assert!(agent.terminate().success());

    let agent = Agent::start(&config);
    let (advice, docker) = said(&agent, &site).await;
    assert_eq!((advice, docker.outcome()), (vec![], FindingOutcome::Ok), "{docker:?}");
}
