//! What stands below the first line of each piece of news.

mod deployments;
mod parts;
mod refusals;
mod rollbacks;
mod service;
mod verdicts;

use super::{Line, page::Page};
use crate::news::{Locale, Site, story::Story};

/// The lines of `story`, in one language.
pub(super) fn lines(site: &Site, story: &Story, locale: Locale) -> Vec<Line> {
    let mut page = Page::in_locale(locale);
    write(&mut page, site, story);
    page.finish()
}

fn write(page: &mut Page, site: &Site, story: &Story) {
    match story {
        Story::Started { of, verified, overridden_by } => {
            deployments::started(page, of, *verified, overridden_by.as_ref());
        }
        Story::Gated { of } => deployments::gated(page, of),
        Story::Live { of, took_ms, waits } => {
            deployments::live(page, site, of, *took_ms, *waits);
        }
        Story::Validated { of, run, took_ms } => {
            deployments::validated(page, site, of, run, *took_ms);
        }
        Story::ValidatedLate { of, run, by, is_point } => {
            deployments::validated_late(page, site, (of, run), *by, *is_point);
        }
        Story::Succeeded { of } => deployments::succeeded(page, site, of),
        Story::Unvalidated { of, cause, overridden } => {
            verdicts::unvalidated(page, site, of, cause, *overridden);
        }
        Story::StillPending { of, after_ms, awaited, live } => {
            verdicts::still_pending(page, of, *after_ms, *awaited, *live);
        }
        Story::CiFailed { of, run, then } => verdicts::ci_failed(page, of, run, *then),
        Story::CiGreen { of, run } => verdicts::ci_green(page, site, of, run),
        Story::Judged { of, good, by, reason } => {
            verdicts::judged(page, of.as_ref(), *good, by, reason.as_deref());
        }
        Story::Failed { of, cause, restored, saved } => {
            let undone = restored.as_ref().map(|restored| (restored, saved.as_ref()));
            deployments::failed(page, site, of, cause, undone);
        }
        Story::Refused { sha, by, refusal } => {
            refusals::refused(page, site, *sha, by, refusal);
        }
        Story::NotAllowed { of, cause } => deployments::not_allowed(page, of, cause),
        Story::Superseded { of, by, was_live } => {
            deployments::superseded(page, of, *by, *was_live);
        }
        Story::RolledBack { of, cause, restored, saved } => {
            rollbacks::rolled_back(page, site, of, cause, (restored.as_ref(), saved.as_ref()));
        }
        Story::RollbackStarted { of, by, reason, leaves, from } => {
            rollbacks::started(page, (of, by), reason.as_deref(), *leaves, from.as_ref());
        }
        Story::RollbackDone { of, by, validated, moved, took_ms, from } => {
            let moved = moved.then_some((*took_ms, from.as_ref()));
            rollbacks::done(page, site, (of, by), *validated, moved);
        }
        Story::RollbackFailed { of, by, cause } => rollbacks::failed(page, of, by, cause),
        Story::Retargeted { number, to } => rollbacks::retargeted(page, *number, *to),
        Story::Stranded { of, cause, why, back_to, saved } => {
            rollbacks::stranded(page, site, of, (cause, why), (*back_to, saved.as_ref()));
        }
        Story::StillStranded { after_ms, of, why, back_to } => {
            rollbacks::still_stranded(page, site, *after_ms, (*of, why.as_deref()), *back_to);
        }
        Story::Held { by, reason } => service::held(page, site, by, reason),
        Story::Flapping => service::flapping(page, site),
        Story::Resumed { by } => service::resumed(page, by),
        Story::Down { status, detail } => service::down(page, site, *status, detail),
        Story::WrongContent { status, detail } => {
            service::wrong_content(page, site, *status, detail);
        }
        Story::CameBack { down_ms } => service::came_back(page, site, *down_ms),
        Story::AgentRestarted { resumed, away_ms } => {
            service::agent_restarted(page, resumed, *away_ms);
        }
        Story::CertificateExpires { whose, days } => service::certificate(page, whose, *days),
    }
}
