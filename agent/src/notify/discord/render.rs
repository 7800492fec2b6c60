//! A piece of news as Discord's markdown. Pure. What comes from outside can show nothing but itself:
//! no mention, no link, no markup, no second line, and no end of a message that was cut in two.

use ripcord_core::news::{Line, Locale, Text};
use serde_json::{Value, json};

/// The most characters of a message, as Discord counts.
pub const CONTENT: usize = 2000;
/// Parts two letters, and nobody sees it.
const INVISIBLE: char = '\u{200b}';
/// `SUPPRESS_EMBEDS`: an address in a message is no invitation to show the page behind it.
const NO_PREVIEWS: u32 = 1 << 2;
/// News that is told within this time is not called late; a retry or two fit in.
const ON_TIME_MS: i64 = 2 * 60 * 1000;

/// The body of a request that posts or edits a message. With `ping`, and only then, it mentions
/// everybody: whatever the text says, Discord is told who may be.
#[must_use]
pub fn message(text: &Text, locale: Locale, age_ms: i64, ping: bool) -> Value {
    let parse: &[&str] = if ping { &["everyone"] } else { &[] };
    json!({
        "content": content(text, locale, age_ms, ping),
        "allowed_mentions": { "parse": parse },
        "flags": NO_PREVIEWS,
    })
}

fn content(text: &Text, locale: Locale, age_ms: i64, ping: bool) -> String {
    let call = if ping { "@everyone " } else { "" };
    let late = late(age_ms, locale).map(|late| format!(" {late}")).unwrap_or_default();
    let mut content = format!("{call}{}{late}", quiet(&escaped(&text.title)));
    for line in &text.lines {
        let room = CONTENT.saturating_sub(content.chars().count() + 1);
        let line = quiet(&markdown(line));
        if line.chars().count() > room {
            content.push('\n');
            content.push_str(&cut(&line, room));
            break;
        }
        content.push('\n');
        content.push_str(&line);
    }
    content
}

fn markdown(line: &Line) -> String {
    let value = if line.foreign { escaped(&line.value) } else { line.value.clone() };
    match line.label {
        Some(label) => format!("{label}: {value}"),
        // `- ` and `1. ` begin lists.
        None if line.foreign
            && value.starts_with(|c: char| c == '-' || c == '+' || c.is_ascii_digit()) =>
        {
            format!("{INVISIBLE}{value}")
        }
        None => value,
    }
}

/// `text` as it is, without a meaning.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // Lines are ours.
            _ if c.is_control() => escaped.push(' '),
            '\\' | '*' | '_' | '~' | '`' | '|' | '<' | '>' | '[' | ']' | '#' => {
                escaped.extend(['\\', c]);
            }
            // No address is an address behind `:\/`.
            '/' if escaped.ends_with(':') => escaped.extend(['\\', c]),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// Without the two words that mention everybody; a name such as `@user` is only a word.
fn quiet(text: &str) -> String {
    let parted = |word: &str| format!("@{INVISIBLE}{word}");
    text.replace("@everyone", &parted("everyone")).replace("@here", &parted("here"))
}

/// At most `most` characters, not ending in half of an escape.
fn cut(line: &str, most: usize) -> String {
    let mut kept: String = line.chars().take(most.saturating_sub(1)).collect();
    let backslashes = kept.chars().rev().take_while(|c| *c == '\\').count();
    if backslashes % 2 == 1 {
        kept.pop();
    }
    kept.push('…');
    kept
}

/// Says how late it is, when it is.
fn late(age_ms: i64, locale: Locale) -> Option<String> {
    let minutes = age_ms / 60_000;
    let (hours, days) = (minutes / 60, minutes / (24 * 60));
    let day = match locale {
        Locale::Fr => 'j',
        Locale::En => 'd',
    };
    let age = match minutes {
        _ if age_ms <= ON_TIME_MS => return None,
        0..60 => format!("{minutes} min"),
        60..1440 => format!("{hours} h {:02} min", minutes % 60),
        _ => format!("{days} {day} {} h", hours % 24),
    };
    Some(match locale {
        Locale::Fr => format!("(retard {age})"),
        Locale::En => format!("({age} late)"),
    })
}
