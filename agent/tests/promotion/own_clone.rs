//! Promotion into a clone of its own, through a real agent: reset like any other, but only to what the
//! source has validated.

use std::{fs, path::PathBuf};

use ripcord_proto::v1::{DeployRequest, Outcome};

use crate::support::{
    git::git,
    site::{Agent, Site, deploy, history, reason, request, status},
};

/// `stage` validates, `live` promotes from it, and `archive` from that: in no order of the alphabet.
struct Houses {
    site: Site,
    agent: Agent,
}

impl Houses {
    async fn new() -> Self {
        let site = Site::new().await;
        let clone = |name: &str| {
            let origin = site.git.origin.to_str().unwrap().to_owned();
            git(site.folder.path(), &["clone", "--quiet", &origin, name]);
            site.folder.path().join(name)
        };
        let promoting = |name: &str, source: &str| {
            let config = site.environment(name, "when = \"none\"");
            let own = config.replace(
                &site.git.live.display().to_string(),
                &clone(&format!("clone-{name}")).display().to_string(),
            );
            own.replacen("repository", &format!("promotes = \"{source}\"\nrepository"), 1)
        };
        let check = "source = \"command\"\nrun = [[\"sh\", \"check.sh\"]]";
        let stage = site.environment("stage", check);
        let config = [promoting("live", "stage"), promoting("archive", "live"), stage].concat();
        let agent = site.start(&config);
        Self { site, agent }
    }

    fn page(&self, name: &str) -> String {
        let clone: PathBuf = self.site.folder.path().join(format!("clone-{name}"));
        fs::read_to_string(clone.join("page.txt")).unwrap()
    }
}

#[tokio::test]
async fn a_commit_goes_from_house_to_house_only_when_the_one_before_has_validated_it() {
    let houses = Houses::new().await;
    let mut client = houses.site.client(&houses.agent);
    let sha = houses.site.git.pushed("second");
    for name in ["live", "archive"] {
        let refused = deploy(&mut client, request(name, &sha)).await.error.unwrap();
        assert_eq!(reason(&refused), "NOT_VALIDATED", "{refused:?}");
    }
    let checked = deploy(&mut client, request("stage", &sha)).await;
    assert_eq!(checked.outcome(), Outcome::Validated, "{}", checked.story());
    let skipping = deploy(&mut client, request("archive", &sha)).await.error.unwrap();
    assert_eq!(reason(&skipping), "NOT_VALIDATED");
    for name in ["live", "archive"] {
        let told = deploy(&mut client, request(name, &sha)).await;
        assert_eq!(told.outcome(), Outcome::Validated, "{}", told.story());
        assert_eq!(houses.page(name), "second");
        assert_eq!(status(&mut client, name).await.exact, Some(true));
    }
}

#[tokio::test]
async fn a_red_commit_never_reaches_the_next_house_and_leaves_no_deployment_there() {
    let houses = Houses::new().await;
    let mut client = houses.site.client(&houses.agent);
    let good = houses.site.git.pushed("good");
    deploy(&mut client, request("stage", &good)).await;
    deploy(&mut client, request("live", &good)).await;
    let red = houses.site.git.pushed("untested");
    let told = deploy(&mut client, request("stage", &red)).await;
    assert_eq!(told.outcome(), Outcome::RolledBack, "{}", told.story());
    let refused = deploy(&mut client, request("live", &red)).await.error.unwrap();
    assert_eq!(reason(&refused), "NOT_VALIDATED");
    assert!(refused.message().contains("stage has it in quarantine"), "{}", refused.message());
    assert_eq!(houses.page("live"), "good");
    assert_eq!(history(&mut client, "live").await.len(), 1);
}

#[tokio::test]
async fn a_plan_names_what_the_source_has_validated_and_changes_nothing() {
    let houses = Houses::new().await;
    let mut client = houses.site.client(&houses.agent);
    let sha = houses.site.git.pushed("second");
    deploy(&mut client, request("stage", &sha)).await;
    let mut asked = request("live", &sha);
    asked.dry_run = true;
    let told = deploy(&mut client, asked).await;
    let plan = told.result().plan.join("\n");
    assert!(plan.contains(&format!("stage: {} #1, validated", &sha[..7])), "{plan}");
    assert!(history(&mut client, "live").await.is_empty());
}

#[tokio::test]
async fn nothing_is_taken_from_a_house_whose_journal_cannot_be_read() {
    let houses = Houses::new().await;
    let mut client = houses.site.client(&houses.agent);
    let sha = houses.site.git.pushed("second");
    for name in ["stage", "live"] {
        deploy(&mut client, request(name, &sha)).await;
    }
    let Houses { site, agent } = houses;
    agent.kill();
    let journal = rusqlite::Connection::open(site.state_dir().join("journal.sqlite")).unwrap();
    let damage = "UPDATE environment SET state = '{' WHERE name = 'stage'";
    journal.execute(damage, []).unwrap();
    drop(journal);

    let agent = Agent::start(&site.folder.path().join("agent.toml"));
    let mut client = site.client(&agent);
    let again = DeployRequest { redeploy: true, ..request("live", &sha) };
    let refused = deploy(&mut client, again.clone()).await.error.unwrap();
    assert_eq!(reason(&refused), "UNAVAILABLE_FEATURE", "{refused:?}");
    assert!(refused.message().contains("stage, which live promotes"), "{}", refused.message());
    assert!(refused.message().contains("cannot read"), "{}", refused.message());
    let archive = DeployRequest { environment: "archive".to_owned(), ..again };
    let told = deploy(&mut client, archive).await;
    assert_eq!(told.outcome(), Outcome::Validated, "live has validated it: {}", told.story());
}
