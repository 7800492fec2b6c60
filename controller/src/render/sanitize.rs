//! Text from outside, made harmless: no control sequence of a commit, an application or an error
//! message reaches a terminal. Colours are dropped; everything else that hides is made visible.

use std::borrow::Cow;

/// So many bytes are looked at before it is asked whether one was suspicious.
const BLOCK_BYTES: usize = 256;

/// One line of outside text, safe to print. Tabs stay; a line end is shown as `\n`.
pub(crate) fn sanitize(text: &str) -> Cow<'_, str> {
    if is_harmless(text) { Cow::Borrowed(text) } else { Cow::Owned(cleaned(text)) }
}

/// Looks at bytes, so that log lines of plain text cost next to nothing.
fn is_harmless(text: &str) -> bool {
    // Without branches, and block by block: the compiler looks at many bytes at once then.
    let suspicious = |found: bool, byte: &u8| {
        let control = (*byte < 0x20) & (*byte != b'\t') | (*byte == 0x7f);
        // They begin C1 controls, the Arabic letter mark, bidi marks and U+FEFF.
        let hidden = (*byte == 0xc2) | (*byte == 0xd8) | (*byte == 0xe2) | (*byte == 0xef);
        found | control | hidden
    };
    !text.as_bytes().chunks(BLOCK_BYTES).any(|block| block.iter().fold(false, suspicious))
}

fn cleaned(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = sequence_length(rest) {
            rest = &rest[length..];
            continue;
        }
        push_visibly(&mut clean, first);
        rest = &rest[first.len_utf8()..];
    }
    clean
}

fn push_visibly(clean: &mut String, character: char) {
    match character {
        '\t' => clean.push('\t'),
        '\n' => clean.push_str("\\n"),
        '\r' => clean.push_str("\\r"),
        hidden if hidden.is_control() || is_bidi_control(hidden) => {
            clean.extend(hidden.escape_unicode());
        }
        shown => clean.push(shown),
    }
}

/// Marks that reorder or hide what is on the line.
fn is_bidi_control(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

/// The bytes of a complete control sequence or string at the beginning of `text`. What is not
/// complete is no sequence: dropping it would hide the rest of the line.
fn sequence_length(text: &str) -> Option<usize> {
    let mut characters = text.chars();
    let (kind, introducer) = match characters.next()? {
        '\u{1b}' => {
            let kind = characters.next()?;
            (kind, 1 + kind.len_utf8())
        }
        '\u{9b}' => ('[', '\u{9b}'.len_utf8()),
        _ => return None,
    };
    let body = &text[introducer..];
    match kind {
        '[' => {
            let end = body.find(|c: char| !matches!(c, ' '..='?'))?;
            body[end..]
                .starts_with(|c: char| matches!(c, '@'..='~'))
                .then_some(introducer + end + 1)
        }
        ']' => {
            let end = body.find(|c: char| c.is_control())?;
            let mut terminators = ["\u{7}", "\u{1b}\\"].into_iter();
            let terminator = terminators.find(|terminator| body[end..].starts_with(terminator))?;
            Some(introducer + end + terminator.len())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_in_any_script_is_untouched_and_not_copied() {
        for text in ["plain\ttext", "日本語 ñ 🚀", "naïve"] {
            assert!(matches!(sanitize(text), Cow::Borrowed(same) if same == text), "{text}");
        }
        assert_eq!(sanitize("é ‘quoted’ – dash … ©"), "é ‘quoted’ – dash … ©");
    }

    #[test]
    fn colours_and_titles_are_dropped() {
        assert_eq!(sanitize("\u{1b}[1;31mred\u{1b}[0m"), "red");
        assert_eq!(sanitize("\u{1b}]0;owned\u{7}x\u{1b}]8;;http://a\u{1b}\\y"), "xy");
        assert_eq!(sanitize("\u{9b}2Jz"), "z");
    }

    #[test]
    fn an_unfinished_sequence_hides_nothing() {
        assert_eq!(sanitize("\u{1b}]0;rest of the line"), "\\u{1b}]0;rest of the line");
        assert_eq!(sanitize("\u{1b}[31"), "\\u{1b}[31");
        assert_eq!(sanitize("\u{1b}"), "\\u{1b}");
    }

    #[test]
    fn carriage_returns_backspaces_and_bidi_overrides_are_shown() {
        assert_eq!(sanitize("ok\rfailed"), "ok\\rfailed");
        assert_eq!(sanitize("a\u{8}b\u{7f}"), "a\\u{8}b\\u{7f}");
        assert_eq!(sanitize("x\u{202e}gpj.exe\u{2066}"), "x\\u{202e}gpj.exe\\u{2066}");
        assert_eq!(sanitize("two\nlines"), "two\\nlines");
    }

    #[test]
    fn no_control_character_survives_whatever_the_mixture() {
        let pieces = ["\u{1b}", "[", "]", "3", "m", "\u{7}", "\\", "\u{9b}", "\u{202e}", "é", "\r"];
        for a in pieces {
            for b in pieces {
                for c in pieces {
                    for d in pieces {
                        let clean = sanitize(&[a, b, c, d].concat()).into_owned();
                        assert!(!clean.chars().any(|c| c.is_control() || is_bidi_control(c)));
                    }
                }
            }
        }
    }
}
