//! What happens to a deployed application, step by step; what can be seen of it afterwards; and who
//! keeps which promise about that.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{old_way::OldWay, ripcord::Ripcord, site::PATIENCE};

/// A commit is called by the one line of its page; `first` is what ran before everything.
pub type Page = &'static str;

#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Pushed and deployed, up to where it is live or has failed.
    Deploy(Page),
    /// The commit's CI ends with this conclusion, and whoever watches it acts.
    Ci(Page, &'static str),
    /// The same for two commits at the same moment.
    CiAtOnce([Page; 2], &'static str),
    /// From now on twelve runs of other commits follow each run.
    GithubIsBusy,
    /// From now on runs are shown under another name.
    WorkflowIsRenamed,
    GithubFails,
    GithubWorks,
    /// Nobody watches this commit's CI for longer than that.
    TimeIsUp(Page),
    /// The machine loses its power, and comes back.
    Reboot,
    /// From now on this goes wrong, whatever is live.
    Breaks(Part),
    /// What the file of the validated commit says before the first deployment.
    StateFileSays(&'static str),
    /// Somebody holds on to the file of the validated commit as it is now.
    StateFileIsHeld,
    /// From now on nobody can be told.
    TellingFails,
}

#[derive(Debug, Clone, Copy)]
pub enum Part {
    Reset,
    Restart,
    Probe,
}

/// What anybody can see in the end.
#[derive(Debug, Default)]
pub struct Seen {
    /// The page that lies in the live tree.
    pub live: String,
    /// What counts as validated.
    pub validated: Option<String>,
    /// The last word on each deployment that people heard.
    pub told: BTreeMap<String, String>,
    /// The deployments whose run was green in GitHub.
    pub green: BTreeSet<String>,
    /// What is in the file of the validated commit for whoever holds on to it.
    pub held: Option<String>,
}

impl Seen {
    /// The last word on this deployment; empty when nobody heard any.
    pub fn told(&self, page: Page) -> &str {
        self.told.get(page).map_or("", String::as_str)
    }

    pub fn is_green(&self, page: Page) -> bool {
        self.green.contains(page)
    }
}

/// Somebody who deploys.
pub trait World {
    async fn take(&mut self, step: Step);
    async fn seen(&mut self) -> Seen;
}

async fn end_of(world: &mut impl World, story: &[Step]) -> Seen {
    for step in story {
        let taken = tokio::time::timeout(PATIENCE, world.take(*step)).await;
        taken.unwrap_or_else(|_| panic!("{step:?} does not end"));
    }
    let seen = tokio::time::timeout(PATIENCE, world.seen()).await;
    seen.expect("what there is to see is settled")
}

/// Asserts that ripcord keeps the promise at the end of this story, and that the old way did not.
pub async fn only_ripcord_keeps(promise: impl Fn(&Seen) -> bool, story: &[Step]) {
    only_ripcord_keeps_with("", promise, story).await;
}

/// The same with these lines more in ripcord's `verify` table.
pub async fn only_ripcord_keeps_with(
    verify: &str,
    promise: impl Fn(&Seen) -> bool,
    story: &[Step],
) {
    let seen = end_of(&mut OldWay::new(), story).await;
    broken(&seen, &promise);
    let seen = end_of(&mut Ripcord::new(verify).await, story).await;
    kept(&seen, &promise);
}

/// Asserts that both keep the promise at the end of this story.
pub async fn both_keep(promise: impl Fn(&Seen) -> bool, story: &[Step]) {
    kept(&end_of(&mut OldWay::new(), story).await, &promise);
    kept(&end_of(&mut Ripcord::new("").await, story).await, &promise);
}

/// Asserts that the promise is kept.
#[track_caller]
pub fn kept<S: fmt::Debug>(seen: &S, promise: impl Fn(&S) -> bool) {
    assert!(promise(seen), "the promise is broken: {seen:#?}");
}

/// Asserts that the old way breaks it: otherwise the check could not fail.
#[track_caller]
pub fn broken<S: fmt::Debug>(seen: &S, promise: impl Fn(&S) -> bool) {
    assert!(!promise(seen), "the old way keeps the promise, so the check shows nothing: {seen:#?}");
}
