//! What commits and placements are called in plans.

use jiff::tz::TimeZone;
use ripcord_core::{CommitSha, Deployment, EnvironmentName, Placement, Timestamp};

use crate::{engine::EnvironmentHandle, journal::Journal, ports::Between};

/// So much of a commit's subject is shown.
const SUBJECT_CHARS: usize = 72;

/// What, and what it is.
pub(super) type Row = (String, String);

/// The rows as lines, their second parts below each other.
pub(super) fn aligned(rows: &[Row]) -> Vec<String> {
    let width = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let line = |(label, text): &Row| {
        let gap = width - label.chars().count();
        format!("{label}:{:gap$} {text}", "")
    };
    rows.iter().map(line).collect()
}

/// What people call the environment.
pub(super) fn title(environment: &EnvironmentHandle) -> &str {
    let title = environment.about.title.as_str();
    if title.is_empty() { environment.name.as_str() } else { title }
}

/// A placement, as short as it gets.
pub(super) fn name(placement: Placement) -> String {
    match placement {
        Placement { deployment: Some(number), sha } => format!("{} {number}", sha.short()),
        Placement { deployment: None, sha } if sha == CommitSha::UNKNOWN => {
            "what ran before the first deployment".to_owned()
        }
        Placement { deployment: None, sha } => {
            format!("{}, which ran before the first deployment", sha.short())
        }
    }
}

/// A placement of this environment with what is known of its commit.
pub(super) async fn placed(
    environment: &EnvironmentHandle,
    placement: Option<Placement>,
) -> String {
    let Some(placement) = placement else { return "nothing that was deployed here".to_owned() };
    let known = known(environment, placement).await;
    format!("{}{}", name(placement), known.as_ref().map(about).unwrap_or_default())
}

/// The same, with when it went live.
pub(super) async fn placed_when(environment: &EnvironmentHandle, placement: Placement) -> String {
    let known = known(environment, placement).await;
    let live = known.as_ref().and_then(|it| it.live_at).and_then(date);
    let live = live.map(|date| format!(", live on {date}")).unwrap_or_default();
    format!("{}{live}{}", name(placement), known.as_ref().map(about).unwrap_or_default())
}

async fn known(environment: &EnvironmentHandle, placement: Placement) -> Option<Deployment> {
    environment.deployment(placement.deployment?).await.ok()
}

/// A commit, with the newest deployment of it there.
pub(super) async fn newest(
    journal: &Journal,
    environment: &EnvironmentName,
    sha: CommitSha,
    standing: &str,
) -> String {
    match journal.newest_of(environment, sha).await.ok().flatten() {
        Some(newest) => format!("{}{standing}{}", name(newest.placement()), about(&newest)),
        None => format!("{}{standing}", sha.short()),
    }
}

fn about(deployment: &Deployment) -> String {
    let Some(subject) = &deployment.subject else { return String::new() };
    let author = deployment.author.as_ref().map(|author| format!(" ({author})"));
    format!(": {}{}", cut(subject), author.unwrap_or_default())
}

fn cut(subject: &str) -> String {
    match subject.char_indices().nth(SUBJECT_CHARS) {
        Some((end, _)) => format!("{}…", &subject[..end]),
        None => subject.to_owned(),
    }
}

fn date(at: Timestamp) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(at.0).ok()?;
    Some(at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// The commits between what is live and `to`, as far as they are here.
pub(super) async fn between(
    environment: &EnvironmentHandle,
    live: Option<Placement>,
    to: CommitSha,
) -> Vec<String> {
    let from = live.map(|live| live.sha).filter(|sha| *sha != CommitSha::UNKNOWN);
    let known = match from {
        Some(from) => compare(environment, from, to).await,
        None => None,
    };
    match known {
        Some(between) => compared(&between),
        // An ordinary environment fetches the commit first: until then nobody knows.
        None if environment.promotion.is_none() => Vec::new(),
        None => vec!["commits between them: not known here".to_owned()],
    }
}

/// The source has what is promoted; our own repository may have it.
async fn compare(
    environment: &EnvironmentHandle,
    from: CommitSha,
    to: CommitSha,
) -> Option<Between> {
    if let Some(promotion) = &environment.promotion
        && let Ok(between) = promotion.repository.between(from, to).await
    {
        return Some(between);
    }
    environment.repository.between(from, to).await.ok()
}

fn compared(Between { ahead, behind, subjects }: &Between) -> Vec<String> {
    let goes = || format!("leaves {} of what is live", commits(*behind));
    let head = match (ahead, behind) {
        (0, 0) => return vec!["commits between them: none, it is the same commit".to_owned()],
        (0, _) => return vec![format!("older: {}", goes())],
        (ahead, 0) => format!("brings {}:", commits(*ahead)),
        (ahead, _) => format!("elsewhere: {}, brings {}:", goes(), commits(*ahead)),
    };
    let named = subjects.len() as u64;
    let rest = ahead.checked_sub(named).filter(|rest| *rest > 0);
    let mut lines = vec![head];
    lines.extend(subjects.iter().map(|subject| format!("  {}", cut(subject))));
    lines.extend(rest.map(|rest| format!("  … and {rest} more")));
    lines
}

fn commits(number: u64) -> String {
    if number == 1 { "1 commit".to_owned() } else { format!("{number} commits") }
}
