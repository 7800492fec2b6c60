//! `ripcord check`: the jobs of `[checks.GROUP]`, run alike on a laptop, in a workflow and by the
//! agent. It needs no agent and knows none.
//!
//! `plan` says what is to be done and `schedule` what may begin; both are pure. `run` starts
//! processes through `lines` and `process`, and tells a `Watcher` of `tell`; `formats` reads what tools complain
//! about, and `summary`, `markdown` and `annotations` say how it ended.

pub(crate) mod annotations;
mod capture;
mod formats;
mod lines;
pub(crate) mod list;
pub(crate) mod markdown;
pub(crate) mod plan;
pub(crate) mod process;
pub(crate) mod report;
pub(crate) mod run;
mod schedule;
pub(crate) mod stop;
pub(crate) mod summary;
pub(crate) mod tell;
