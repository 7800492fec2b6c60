//! Production, as people are told of it: promoted, saved first, observed for a while, taken back.

use ripcord_core::{CommitSha, DeployRequest, FailureKind, Input, Verdict, news::News};

use super::scene::{Scene, scene};
use crate::model::{backup::restore_of, deploy_of, sha};

pub fn scenes() -> Vec<(&'static str, Vec<News>)> {
    vec![
        (
            "production",
            scene(Scene::prod(), |s| {
                s.deploy(1).steps();
            }),
        ),
        (
            "production fails",
            scene(Scene::prod(), |s| {
                s.deploy(1).steps().forget();
                s.deploy(2)
                    .steps_until_restart()
                    .fails(FailureKind::Hook, "deploy.sh: exit 1")
                    .steps();
            }),
        ),
        (
            "production bakes",
            scene(Scene::guarded_prod(), |s| {
                s.deploy(1).steps().bakes(true);
            }),
        ),
        (
            "production does not stay healthy",
            scene(Scene::guarded_prod(), |s| {
                s.deploy(1).steps().bakes(true).forget();
                s.deploy(2).steps().bakes(false).brings_back(2).steps();
            }),
        ),
        (
            "the first promotion fails, and nobody knows what ran before",
            scene(Scene::guarded_prod(), |s| {
                s.world.head = Some(CommitSha::UNKNOWN);
                s.deploy(1);
                s.step(Ok(()));
                s.step(Ok(()));
                s.fails(FailureKind::Promotion, "promote.sh: exit 1").brings_back(1).steps();
            }),
        ),
        (
            "the backup fails",
            scene(Scene::guarded_prod(), |s| {
                s.deploy(1).steps().bakes(true).forget();
                s.deploy(2);
                s.step(Ok(()));
                s.fails(FailureKind::Backup, "writing /backups/2/files.tar.zst: no space left");
            }),
        ),
        (
            "a promotion fails, and so does every way back",
            scene(Scene::guarded_prod(), |s| {
                s.deploy(1).steps().bakes(true).forget();
                s.deploy(2);
                s.step(Ok(()));
                s.step(Ok(()));
                s.fails(FailureKind::Promotion, "promote.sh: exit 1")
                    .fails(FailureKind::Backup, "files.tar.zst: the checksum differs")
                    .fails(FailureKind::Backup, "no backup of 9999999 can be used");
            }),
        ),
        (
            "a person brings a backup back",
            scene(Scene::guarded_prod(), |s| {
                s.world.head = Some(CommitSha::UNKNOWN);
                s.deploy(1).steps().bakes(true).forget();
                let saved = s.world.backups[0].clone();
                s.world.give(Input::Rollback(restore_of(&saved)));
                s.brings_back(1).steps();
            }),
        ),
        (
            "a commit is verified and bakes",
            scene(Scene::baking_preprod(), |s| {
                s.deploy(1).steps().wait(2).ci(1, Verdict::Success).bakes(true);
            }),
        ),
        (
            "a gate, and a bake",
            scene(Scene::baking_gate(), |s| {
                s.deploy(1).steps().ci(1, Verdict::Success).steps().bakes(true);
            }),
        ),
        (
            "it is replaced while it bakes, and turns green",
            scene(Scene::baking_preprod(), |s| {
                s.deploy(1).steps().deploy(2).steps().wait(2).ci(1, Verdict::Success);
            }),
        ),
        (
            "what was validated is deployed again, and is red while it bakes",
            scene(Scene::baking_preprod(), |s| {
                s.deploy(1).steps().ci(1, Verdict::Success).bakes(true).forget();
                let request = deploy_of(sha(1));
                let again = DeployRequest { redeploy: true, ..request };
                s.world.give(Input::Deploy(again));
                s.steps().ci(2, Verdict::Failure).bakes(true);
            }),
        ),
        (
            "a person takes production back",
            scene(Scene::prod(), |s| {
                s.deploy(1).steps().deploy(2).steps().forget().rollback(true).steps();
            }),
        ),
    ]
}
