//! What an agent finds when it looks at itself: each broken link by its name, the others beside it, and
//! nothing changed by the look.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod git;
    pub mod github;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use ripcord_proto::v1::{self, FindingOutcome as Outcome};
use support::{
    git::git,
    github::{FakeGithub, Fault, REPOSITORY, TOKEN},
    pki::VIEWER,
    site::{Agent, Client, Site, deploy, reason, request},
};

async fn diagnose(client: &mut Client, environments: &[&str]) -> v1::DiagnoseResponse {
    let environments = environments.iter().map(|&name| name.to_owned()).collect();
    client.diagnose(v1::DiagnoseRequest { environments }).await.unwrap().into_inner()
}

/// The only finding of this name.
#[track_caller]
fn hop<'d>(diagnosis: &'d v1::DiagnoseResponse, environment: &str, hop: &str) -> &'d v1::Finding {
    let mut found = diagnosis.findings.iter();
    let found = found.find(|one| one.environment == environment && one.hop == hop);
    found.unwrap_or_else(|| panic!("no {hop}: {diagnosis:#?}"))
}

/// Asserts that this one is broken, says so with these words, and says what to do.
#[track_caller]
fn assert_broken(diagnosis: &v1::DiagnoseResponse, environment: &str, name: &str, words: &str) {
    let found = hop(diagnosis, environment, name);
    assert_eq!(found.outcome(), Outcome::Failed, "{found:#?}");
    assert!(found.detail.contains(words), "{found:#?}");
}

/// Those that are not as they should be.
fn wrong(diagnosis: &v1::DiagnoseResponse) -> Vec<&str> {
    // How full the disk of the machine is that runs the test is not for the test to say.
    let all = diagnosis.findings.iter().filter(|one| one.hop != "disk");
    all.filter(|one| one.outcome() != Outcome::Ok).map(|one| one.hop.as_str()).collect()
}

/// Every file of the site by its contents, but for those that a running agent writes anyway.
fn everything(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        if path.is_dir() {
            all.insert(name, Vec::new());
            all.extend(everything(&path));
        } else if !name.contains("/state/journal") {
            all.insert(name, fs::read(&path).unwrap());
        }
    }
    all
}

/// Ends while nothing else holds the files: whatever the agent does by itself is done.
async fn deployed(site: &Site, environments: &str) -> (Agent, Client) {
    let agent = site.start(environments);
    let mut client = site.client(&agent);
    let sha = site.git.pushed("second");
    let told = deploy(&mut client, request("lab", &sha)).await;
    assert_eq!(told.outcome(), v1::Outcome::Validated, "{}", told.story());
    (agent, client)
}

fn backed_up(site: &Site, dir: &Path) -> String {
    let (lab, live) = (site.lab(), site.git.live.display());
    let dir = dir.display();
    lab + &format!("[environments.lab.backup]\npaths = [\"{live}\"]\ndir = \"{dir}\"\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_agent_has_nothing_to_say_and_is_the_same_afterwards() {
    let site = Site::new().await;
    let lab = backed_up(&site, &site.folder.path().join("backups"));
    let (_agent, mut client) = deployed(&site, &lab).await;
    let newer = site.git.pushed("third");
    let before = everything(site.folder.path());
    let diagnosis = diagnose(&mut client, &[]).await;
    assert_eq!(wrong(&diagnosis), Vec::<&str>::new(), "{diagnosis:#?}");
    let git = hop(&diagnosis, "lab", "git");
    assert!(git.detail.contains(&format!("has main at {}", &newer[..7])), "{git:#?}");
    for name in ["environment", "git", "process", "backup", "files", "disk"] {
        hop(&diagnosis, "lab", name);
    }
    for name in ["configuration", "files", "certificates", "journal", "disk"] {
        hop(&diagnosis, "", name);
    }
    let after = everything(site.folder.path());
    let names = |all: &BTreeMap<String, Vec<u8>>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&after), names(&before));
    assert!(after == before, "a file was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_folder_that_does_not_exist_yet_is_not_made_by_a_look() {
    let site = Site::new().await;
    let dir = site.folder.path().join("backups");
    let agent = site.start(&backed_up(&site, &dir));
    let diagnosis = diagnose(&mut site.client(&agent), &["lab"]).await;
    assert_eq!(hop(&diagnosis, "lab", "backup").outcome(), Outcome::Ok, "{diagnosis:#?}");
    assert!(!dir.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_that_is_gone_a_branch_that_is_gone_and_one_that_hangs_are_told_apart() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let mut client = site.client(&agent);
    git(&site.git.origin, &["branch", "-m", "main", "trunk"]);
    let diagnosis = diagnose(&mut client, &["lab"]).await;
    assert_broken(&diagnosis, "lab", "git", "has no branch main");

    fs::rename(&site.git.origin, site.folder.path().join("gone")).unwrap();
    let diagnosis = diagnose(&mut client, &["lab"]).await;
    assert_broken(&diagnosis, "lab", "git", "cannot reach");
    assert!(hop(&diagnosis, "lab", "git").fix.contains("ls-remote origin"), "{diagnosis:#?}");

    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/app.git", silent.local_addr().unwrap());
    git(&site.git.live, &["remote", "set-url", "origin", &url]);
    let began = Instant::now();
    let diagnosis = diagnose(&mut client, &["lab"]).await;
    assert_broken(&diagnosis, "lab", "git", "within 4 s");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(hop(&diagnosis, "lab", "process").outcome(), Outcome::Ok, "{diagnosis:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_environment_names_and_is_not_there_is_found_before_a_deployment_needs_it() {
    let site = Site::new().await;
    let folder = site.folder.path();
    fs::write(folder.join("file"), "").unwrap();
    std::os::unix::fs::symlink(&site.git.live, folder.join("link")).unwrap();
    fs::create_dir(folder.join("backups")).unwrap();
    let (here, url) = (folder.display(), &site.application);
    let container = "kind = \"container\"\ncontainers = [\"nobody-made-this\"]";
    let lab = site.environment_of("lab", container, url, "when = \"none\"");
    let file = format!("[environments.lab]\nvalidated_sha_file = \"{here}/file/last\"");
    let lab = lab.replace("[environments.lab]", &file);
    let more = format!(
        r#"
[environments.lab.backup]
paths = ["{here}/link"]
dir = "{here}/backups"
[environments.prod]
promotes = "lab"
url = "{url}"
runtime = {{ kind = "process", run = ["sleep", "1000"] }}
verify = {{ when = "none" }}
promote = {{ run = ["{here}/missing.sh"] }}
backup = {{ paths = ["{here}/work"], dir = "{here}/saved" }}
"#
    );
    let environments = lab + &more;
    let agent = site.start(&environments);
    let diagnosis = diagnose(&mut site.client(&agent), &[]).await;
    assert_broken(&diagnosis, "lab", "files", "validated_sha_file");
    assert_broken(&diagnosis, "lab", "backup", "is a symbolic link");
    assert_broken(&diagnosis, "lab", "docker", "");
    assert_broken(&diagnosis, "prod", "promote", "missing.sh");
    let docker = hop(&diagnosis, "lab", "docker");
    assert!(!docker.detail.is_empty() && docker.fix.contains("docker ps"), "{docker:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diagnosis_shows_nobody_what_they_may_not_see() {
    let site = Site::new().await;
    let file = site
        .write_config(&(site.lab() + &site.lab().replace("environments.lab", "environments.prod")));
    let text = fs::read_to_string(&file).unwrap();
    let limited = text.replace(
        "\"spiffe://lab/viewer/*\"\nallow = { \"*\"",
        "\"spiffe://lab/viewer/*\"\nallow = { lab",
    );
    assert_ne!(text, limited);
    fs::write(&file, limited).unwrap();
    let agent = Agent::start(&file);
    let mut viewer = site.client_as(&agent, VIEWER);
    let diagnosis = diagnose(&mut viewer, &[]).await;
    assert!(diagnosis.findings.iter().all(|one| one.environment == "lab"), "{diagnosis:#?}");
    assert_eq!((diagnosis.identity.as_str(), diagnosis.rights.len()), (VIEWER, 1));
    assert_eq!(diagnosis.rights[0].allowed, ["status", "logs"]);
    let diagnosis = diagnose(&mut viewer, &["prod", "nowhere"]).await;
    assert_eq!(diagnosis.findings, []);
    assert!(diagnosis.rights.iter().all(|one| one.allowed.is_empty()), "{diagnosis:#?}");

    let mut stranger = site.client_as(&agent, "spiffe://lab/stranger/eve");
    let diagnosis = diagnose(&mut stranger, &[]).await;
    assert_eq!((diagnosis.findings.len(), diagnosis.rights.len()), (0, 0), "{diagnosis:#?}");
    let unknown = v1::DiagnoseRequest { environments: vec!["nowhere".to_owned()] };
    let refused = site.client(&agent).diagnose(unknown).await.unwrap_err();
    assert_eq!(reason(&refused), "UNKNOWN_ENVIRONMENT");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_journal_is_named_with_what_a_person_can_do() {
    let site = Site::new().await;
    fs::create_dir_all(site.state_dir()).unwrap();
    fs::write(site.state_dir().join("journal.sqlite"), "no journal ".repeat(1000)).unwrap();
    let agent = site.start(&site.lab());
    let diagnosis = diagnose(&mut site.client(&agent), &[]).await;
    let journal = hop(&diagnosis, "", "journal");
    assert_eq!(journal.outcome(), Outcome::Failed, "{journal:#?}");
    assert!(journal.fix.contains("restart the agent"), "{journal:#?}");
    assert_broken(&diagnosis, "lab", "environment", "no driver");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_the_next_start_would_refuse_is_found_while_the_agent_still_runs() {
    let site = Site::new().await;
    let agent = site.start(&site.lab());
    let file = site.folder.path().join("agent.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("attempts = 2", "atempts = 2")).unwrap();
    let diagnosis = diagnose(&mut site.client(&agent), &[]).await;
    assert_broken(&diagnosis, "", "configuration", "atempts");
}

#[tokio::test(flavor = "multi_thread")]
async fn github_says_whether_the_token_counts_and_which_permission_is_missing() {
    let (site, server) = (Site::new().await, FakeGithub::start().await);
    let token = site.folder.path().join("github-token");
    fs::write(&token, TOKEN).unwrap();
    let github = format!(
        "[github]\nrepository = \"{REPOSITORY}\"\ntoken_file = \"{}\"\napi = \"{}\"\n",
        token.display(),
        server.api()
    );
    let agent = site.start(&(github + &site.lab()));
    let mut client = site.client(&agent);
    let sound = diagnose(&mut client, &[]).await;
    assert_eq!(hop(&sound, "", "github").outcome(), Outcome::Ok, "{sound:#?}");
    server.fault_at("actions/runs", Fault::Status(403), 1);
    let forbidden = diagnose(&mut client, &[]).await;
    assert_eq!(hop(&forbidden, "", "github").outcome(), Outcome::Failed);
    assert!(hop(&forbidden, "", "github").fix.contains("permission actions=read"));
    server.fault_at("actions/runs", Fault::Hang, 1);
    let hanging = diagnose(&mut client, &[]).await;
    assert_broken(&hanging, "", "github", "no answer within 5 s");
    server.accept_tokens(&["another"]);
    let refused = diagnose(&mut client, &[]).await;
    assert_broken(&refused, "", "github", "does not accept");
    let said = format!("{sound:?}{forbidden:?}{hanging:?}{refused:?}{}", agent.said());
    assert!(!said.contains(TOKEN));
    assert!(server.seen().iter().all(|seen| seen.method == "GET"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_would_take_nothing_is_found_before_there_is_news_for_it() {
    let site = Site::new().await;
    let folder = site.folder.path();
    fs::write(folder.join("url"), "http://127.0.0.1:9/hook").unwrap();
    let sinks = format!(
        "[[notify]]\nkind = \"webhook\"\nurl_file = \"{0}/url\"\nsecret_file = \"{0}/missing\"\n",
        folder.display()
    );
    let agent = site.start(&(sinks + &site.lab()));
    let diagnosis = diagnose(&mut site.client(&agent), &[]).await;
    assert_broken(&diagnosis, "", "sink", "missing");
}
