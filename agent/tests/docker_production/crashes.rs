//! kill -9 of the agent at each step of a promotion: there never is a production without files, and
//! after the restart it is the old or the new version, whole.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use ripcord_proto::v1::{Outcome, WaitFor};

use crate::{
    shop::{Shape, Shop, live, promotion},
    support::{
        docker::{docker, until},
        site::{Agent, Client, PATIENCE, deploy, history, status},
    },
};

/// When the agent dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// While the backup is written.
    BackingUp,
    /// While the command brings the files.
    Promoting,
    /// When compose has removed the old container.
    Down,
    /// When compose has made the new container.
    Up,
    /// While the application is probed.
    Probing,
}

impl Shop {
    /// Kills the agent and what it started, as systemd does with a service's processes.
    fn crash(&self, agent: Agent) {
        agent.kill();
        for folder in [self.site.folder.path(), &self.project.folder] {
            let _ = Command::new("pkill").args(["-9", "-f"]).arg(folder).status();
        }
    }

    /// Waits for the moment; asserts all the while that prod has its files. Git takes a file that
    /// changes away before it writes the new one: of a clone, the one that stays is looked at.
    async fn at(&self, step: Step, old: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "{step:?} never came");
            let changing = (self.shape == Shape::Folder).then_some("page.txt");
            for file in ["start.sh"].into_iter().chain(changing) {
                let text = fs::read_to_string(self.prod.join(file)).unwrap();
                assert!(!text.is_empty(), "prod without its {file}");
            }
            let container = self.container();
            let is_there = match step {
                Step::BackingUp => self.a_backup_is_underway(),
                Step::Promoting => self.sign("stopped").exists(),
                Step::Down => container.is_empty(),
                Step::Up | Step::Probing => !container.is_empty() && container != old,
            };
            if is_there {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn a_backup_is_underway(&self) -> bool {
        let Ok(folders) = fs::read_dir(&self.backups) else { return false };
        folders.flatten().any(|folder| folder.file_name().to_string_lossy().ends_with(".part"))
    }
}

async fn survives(shape: Shape, step: Step) {
    let Some(shop) = Shop::new(shape).await else { return };
    let agent = shop.start();
    let mut client = shop.client(&agent);
    let new = shop.validated(&mut client, "good 1").await;
    if step == Step::BackingUp {
        let noise: Vec<u8> = (0..150_000_000_u64).map(|i| ((i * i) >> 7) as u8).collect();
        fs::write(shop.prod.join("large.bin"), noise).unwrap();
    }
    if step == Step::Promoting {
        fs::write(shop.sign("gate"), "").unwrap();
    }
    let old = shop.container();
    let request = ripcord_proto::v1::DeployRequest { wait: WaitFor::None.into(), ..promotion() };
    let told = deploy(&mut client, request).await;
    let number = told.admitted.expect("admitted").deployment;
    shop.at(step, &old).await;
    if step == Step::Probing {
        docker(["pause", &shop.container()]);
    }
    shop.crash(agent);
    let _ = fs::remove_file(shop.sign("gate"));
    docker(["unpause", &shop.container()]);

    let agent = shop.start();
    let mut client = shop.client(&agent);
    ended(&mut client, number).await;
    let row = history(&mut client, "prod").await;
    let row = row.iter().find(|row| row.deployment == number).unwrap();
    assert_eq!(row.outcome(), Outcome::Validated, "{row:?}");
    assert_eq!(live(&mut client).await, new);
    assert_eq!(shop.page().await.unwrap(), "good 1");
    assert_eq!(fs::read_to_string(shop.prod.join("page.txt")).unwrap(), "good 1");
    assert_eq!(fs::read_to_string(shop.prod.join("orders.db")).unwrap(), "order 1\n");
    assert!(!shop.a_backup_is_underway(), "a half backup is left");
}

async fn ended(client: &mut Client, number: u64) {
    until("the deployment ends", async || {
        let rows = history(client, "prod").await;
        let is_over = rows.iter().any(|row| row.deployment == number && row.finished.is_some());
        is_over && status(client, "prod").await.active == 0
    })
    .await;
}

#[tokio::test]
async fn a_folder_survives_a_death_while_it_is_backed_up() {
    survives(Shape::Folder, Step::BackingUp).await;
}

#[tokio::test]
async fn a_folder_survives_a_death_while_it_is_filled() {
    survives(Shape::Folder, Step::Promoting).await;
}

#[tokio::test]
async fn a_folder_survives_a_death_when_its_container_is_gone() {
    survives(Shape::Folder, Step::Down).await;
}

#[tokio::test]
async fn a_folder_survives_a_death_when_its_container_is_new() {
    survives(Shape::Folder, Step::Up).await;
}

#[tokio::test]
async fn a_folder_survives_a_death_while_it_is_probed() {
    survives(Shape::Folder, Step::Probing).await;
}

#[tokio::test]
async fn a_clone_survives_a_death_while_it_is_backed_up() {
    survives(Shape::Clone, Step::BackingUp).await;
}

#[tokio::test]
async fn a_clone_survives_a_death_when_its_container_is_gone() {
    survives(Shape::Clone, Step::Down).await;
}

#[tokio::test]
async fn a_clone_survives_a_death_when_its_container_is_new() {
    survives(Shape::Clone, Step::Up).await;
}

#[tokio::test]
async fn a_clone_survives_a_death_while_it_is_probed() {
    survives(Shape::Clone, Step::Probing).await;
}
