//! What a message looks like: the mission's format to the letter, and nothing from outside that is
//! anything but text.

use proptest::prelude::*;
use ripcord_agent::notify::discord::{CONTENT, message};
use ripcord_core::news::{Line, Locale, Text};

fn foreign(label: Option<&'static str>, value: &str) -> Line {
    Line { label, value: value.to_owned(), foreign: true }
}

fn own(label: Option<&'static str>, value: &str) -> Line {
    Line { label, value: value.to_owned(), foreign: false }
}

fn text(title: &str, lines: Vec<Line>) -> Text {
    Text { title: title.to_owned(), lines }
}

fn content(text: &Text) -> String {
    content_at(text, Locale::Fr, 0)
}

fn content_at(text: &Text, locale: Locale, age_ms: i64) -> String {
    message(text, locale, age_ms, false)["content"].as_str().unwrap().to_owned()
}

/// What Discord shows of it: a backslash before a sign is not seen, nor is the invisible parting.
fn shown(markdown: &str) -> String {
    let mut shown = String::new();
    let mut escaped = false;
    for c in markdown.chars() {
        match c {
            '\\' if !escaped => escaped = true,
            '\u{200b}' => {}
            _ => {
                escaped = false;
                shown.push(c);
            }
        }
    }
    shown
}

/// The signs that mean something; in the place of those behind a backslash, a letter.
fn meaningful(markdown: &str) -> String {
    let mut left = String::new();
    let mut signs = markdown.chars();
    while let Some(c) = signs.next() {
        match c {
            '\\' => {
                signs.next();
                left.push('x');
            }
            _ => left.push(c),
        }
    }
    left
}

#[test]
fn the_missions_two_messages_are_reproduced_to_the_letter() {
    let preprod = text(
        "🚀 PREPROD - Déploiement démarré",
        vec![
            own(Some("SHA"), "acfdb42"),
            foreign(Some("Auteur"), "@user"),
            foreign(Some("Message"), "Fix bug analysis"),
            own(None, ""),
            own(None, "⏳ CI en cours de vérification..."),
        ],
    );
    assert_eq!(
        content(&preprod),
        "🚀 PREPROD - Déploiement démarré\nSHA: acfdb42\nAuteur: @user\nMessage: Fix bug analysis\n\n\
         ⏳ CI en cours de vérification..."
    );
    let prod = text(
        "🎯 PRODUCTION - Déploiement réussi ✅",
        vec![
            own(Some("SHA"), "acfdb42"),
            foreign(None, "PREPROD ✅ → PROD ✅"),
            own(Some("URL"), "https://backtothefuturekitchen.lafrance.io/"),
        ],
    );
    assert_eq!(
        content(&prod),
        "🎯 PRODUCTION - Déploiement réussi ✅\nSHA: acfdb42\nPREPROD ✅ → PROD ✅\n\
         URL: https://backtothefuturekitchen.lafrance.io/"
    );
}

#[test]
fn what_people_write_is_shown_as_they_wrote_it_and_means_nothing() {
    for written in [
        "@everyone look",
        "<@41> <@&42> <#43> <t:1:R> <:smile:44>",
        "[free](https://evil.example) https://evil.example",
        "**bold** __under__ ~~struck~~ ||spoiler|| `code` > quote # head",
        r"a backslash \ and \*this\*",
        "-# small",
        "1. a list",
        "- a list",
    ] {
        for label in [None, Some("Message")] {
            let content = content(&text("t", vec![foreign(label, written)]));
            assert!(shown(&content).ends_with(written), "{content}");
            let meaningful = meaningful(&content);
            for sign in ["@everyone", "<", ">", "[", "]", "*", "_", "~", "`", "|", "#", "://"] {
                assert!(!meaningful.contains(sign), "{sign} in {content}");
            }
        }
    }
}

#[test]
fn news_that_comes_late_says_how_late() {
    let title = |age_ms, locale| content_at(&text("DOWN", vec![]), locale, age_ms);
    let minute = 60_000;
    assert_eq!(title(2 * minute, Locale::Fr), "DOWN");
    assert_eq!(title(-minute, Locale::Fr), "DOWN");
    assert_eq!(title(12 * minute, Locale::Fr), "DOWN (retard 12 min)");
    assert_eq!(title(12 * minute, Locale::En), "DOWN (12 min late)");
    assert_eq!(title(125 * minute, Locale::En), "DOWN (2 h 05 min late)");
    assert_eq!(title(52 * 60 * minute, Locale::Fr), "DOWN (retard 2 j 4 h)");
}

#[test]
fn only_a_configured_ping_mentions_everybody() {
    let quiet = message(&text("t", vec![]), Locale::Fr, 0, false);
    assert_eq!(quiet["allowed_mentions"], serde_json::json!({ "parse": [] }));
    let loud = message(&text("t", vec![]), Locale::Fr, 0, true);
    assert_eq!(loud["allowed_mentions"], serde_json::json!({ "parse": ["everyone"] }));
    assert_eq!(loud["content"], "@everyone t");
}

#[test]
fn a_long_message_is_cut_by_characters_as_discord_counts() {
    let lines = (0..20).map(|_| foreign(Some("Détail"), &"é*🚀".repeat(100))).collect();
    let content = content(&text("t", lines));
    assert_eq!(content.chars().count(), CONTENT);
    assert!(content.ends_with('…'));
}

fn nasty() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        any::<String>(),
        "[@<>`|~*_#\\[\\]()\\\\:/ \"{}\n]{0,12}",
        Just("@everyone".to_owned()),
        Just("\nSHA: 0000000".to_owned()),
        Just("\",\"allowed_mentions\":{\"parse\":[\"everyone\"]},\"x\":\"".to_owned()),
        Just("https://evil.example/".to_owned()),
        Just("🚀é".repeat(700)),
    ];
    prop::collection::vec(part, 1..5).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn nothing_written_outside_pings_breaks_the_json_or_forges_a_line(
        subject in nasty(), author in nasty(), bare in nasty(), ping: bool,
    ) {
        let lines = vec![
            own(Some("SHA"), "acfdb42"),
            foreign(Some("Auteur"), &author),
            foreign(Some("Message"), &subject),
            foreign(None, &bare),
        ];
        let body = message(&text("🚀 LAB", lines), Locale::Fr, 0, ping);
        let read: serde_json::Value = serde_json::from_str(&body.to_string()).unwrap();
        let keys: Vec<&String> = read.as_object().unwrap().keys().collect();
        prop_assert_eq!(keys, ["allowed_mentions", "content", "flags"]);
        let parse = read["allowed_mentions"]["parse"].as_array().unwrap();
        prop_assert_eq!(parse.len(), usize::from(ping));

        let content = read["content"].as_str().unwrap();
        prop_assert!(content.chars().count() <= CONTENT);
        let content = content.strip_prefix("@everyone ").unwrap_or(content);
        prop_assert!(!content.contains("@everyone") && !content.contains("@here"));
        prop_assert!(content.lines().count() <= 5, "{}", content);
        prop_assert_eq!(content.lines().filter(|line| line.starts_with("SHA:")).count(), 1);
        let meaningful = meaningful(content);
        for sign in ["<", ">", "[", "]", "*", "_", "~", "`", "|", "#", "://"] {
            prop_assert!(!meaningful.contains(sign), "{} in {}", sign, content);
        }
    }
}
