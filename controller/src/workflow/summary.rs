//! What the page of a workflow's run shows, as markdown in which text from outside is only text. Pure.

use crate::{
    commands::health::Found,
    exit::Exit,
    render::{result, sanitize::sanitize, table},
    report::Report,
};

pub(super) fn of_report(report: &Report, url: Option<&str>) -> String {
    let told = result::result(report);
    let (headline, details) = told.split_once('\n').unwrap_or((&told, ""));
    let verdict = report.verdict.as_ref().map(|verdict| verdict.url.as_str());
    let links = [link("application", url), link("CI", verdict)].concat();
    page(headline, details, &links)
}

pub(super) fn of_health(found: &[Found]) -> String {
    let is_well = !found.iter().any(Found::is_alarming);
    let headline = if is_well { "✔ healthy" } else { "✘ unhealthy" };
    page(headline, &table::health(found), "")
}

pub(super) fn of_fleet(command: &str, people: &str, exit: Exit) -> String {
    let mark = if exit == Exit::Success { "✔" } else { "✘" };
    page(&format!("{mark} ripcord {command}"), people, "")
}

pub(super) fn of_failure(title: &str, reason: &str) -> String {
    page(&format!("✘ {title}"), reason, "")
}

/// The annotation: what became of it, and why.
pub(super) fn annotation(report: &Report) -> String {
    let told = result::result(report);
    let first = told.lines().next().unwrap_or_default();
    match &report.reason {
        Some(reason) => format!("{first}: {}", sanitize(reason)),
        None => first.to_owned(),
    }
}

fn page(headline: &str, details: &str, links: &str) -> String {
    let details = details.trim_end();
    let details = if details.is_empty() { String::new() } else { fenced(details) };
    let page = format!("### {}\n\n{details}{links}", escaped(headline));
    format!("{}\n\n", page.trim_end())
}

/// A block that nothing in the text can end.
fn fenced(text: &str) -> String {
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{text}\n{fence}\n\n")
}

fn escaped(text: &str) -> String {
    let special = |letter: char| letter.is_ascii_punctuation() && !",.:;#-()'/".contains(letter);
    let letters = text.chars().flat_map(|letter| {
        special(letter).then_some('\\').into_iter().chain(std::iter::once(letter))
    });
    letters.collect()
}

/// A link, when the address is one that a page can show as it is.
fn link(name: &str, url: Option<&str>) -> String {
    let plain =
        |letter: char| letter.is_ascii_alphanumeric() || "-._~:/?#@!$&'*+,;=%".contains(letter);
    let is_web = |url: &&str| url.starts_with("https://") || url.starts_with("http://");
    let shown = url.filter(is_web).filter(|url| url.chars().all(plain));
    shown.map(|url| format!("[{name}]({url}) ")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Outcome, VerdictReport};

    #[test]
    fn a_red_verdict_says_why_and_links_to_it() {
        let verdict = VerdictReport {
            value: "failure".to_owned(),
            url: "https://ci.example/7".to_owned(),
            jobs: vec!["lint › ``` <b>".to_owned()],
            detail: String::new(),
        };
        let report = Report {
            outcome: Outcome::RolledBack,
            environment: Some("pre_prod".to_owned()),
            deployment: Some(142),
            verdict: Some(verdict),
            reason: Some("CI failed".to_owned()),
            ..Report::of_command("deploy")
        };
        insta::assert_snapshot!(of_report(&report, Some("https://app.example/")), @r"
        ### ✘ pre\_prod #142 rolled back; the previous version serves again

        ````text
          why   CI failed
          red   lint › ``` <b>
          CI    https://ci.example/7
          next  read what happened with `ripcord show pre_prod 142`, then deploy a fix
        ````

        [application](https://app.example/) [CI](https://ci.example/7)
        ");
    }

    #[test]
    fn an_address_from_outside_is_a_link_only_when_it_is_plain() {
        for hostile in ["javascript:x", "https://a) [b](https://evil", "https://a\n# b"] {
            assert_eq!(link("CI", Some(hostile)), "", "{hostile}");
        }
    }
}
