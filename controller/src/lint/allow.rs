//! `# ripcord: allow RC014`: what somebody has seen, and wants as it is.

use super::finding::{Code, Finding};

const MARK: &str = "# ripcord: allow ";

/// Whether a comment of the file's head, of the finding's line, or above it, allows it.
pub(crate) fn allows(text: &str, finding: &Finding) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let head = lines.iter().take_while(|line| is_comment(line) || line.trim().is_empty());
    let place = finding.line.saturating_sub(1).min(lines.len());
    let above = lines[..place].iter().rev().take_while(|line| is_comment(line));
    head.chain(above).chain(lines.get(place)).any(|line| names(line, finding.code))
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

fn names(line: &str, code: Code) -> bool {
    let Some((_, codes)) = line.split_once(MARK) else { return false };
    let mut words = codes.split([' ', ',', ':']).filter(|word| !word.is_empty());
    words.by_ref().take_while(|word| word.starts_with("RC")).any(|word| word == code.id())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(text: &str, line: usize) -> bool {
        allows(text, &Finding::new(Code::CancelledVerdict, "ci.yml", line, ""))
    }

    #[test]
    fn a_comment_allows_at_its_line_below_itself_and_from_the_head_everywhere() {
        assert!(allowed("a\nb # ripcord: allow RC014 because\n", 2));
        assert!(allowed("a\n# ripcord: allow RC013, RC014\n# more\nb\n", 4));
        assert!(allowed("\n# ripcord: allow RC014\n\na\nb\n", 5));
        assert!(!allowed("a # ripcord: allow RC014\nb\n", 2));
        assert!(!allowed("a\nb # ripcord: allow RC013 and not RC014\n", 2));
        assert!(!allowed("a\n", 9));
    }
}
