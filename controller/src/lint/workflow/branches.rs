//! Which branches GitHub's filters take: patterns in their order, the last that fits decides.

/// Whether the patterns take `branch`.
pub(super) fn take<'a>(patterns: impl Iterator<Item = &'a str>, branch: &str) -> bool {
    patterns.fold(false, |taken, pattern| match pattern.strip_prefix('!') {
        Some(pattern) => taken && !fits(pattern, branch),
        None => taken || fits(pattern, branch),
    })
}

/// `*` stops at a `/`, `**` does not. Rarer signs are believed to fit: no finding is better than a
/// wrong one.
fn fits(pattern: &str, branch: &str) -> bool {
    if pattern.contains(['?', '+', '[', '\\']) {
        return true;
    }
    let mut pieces = vec![false; branch.len() + 1];
    pieces[0] = true;
    let mut rest = pattern.as_bytes();
    while let [first, tail @ ..] = rest {
        let crosses = *first == b'*' && tail.first() == Some(&b'*');
        pieces = step(*first, crosses, &pieces, branch.as_bytes());
        rest = if crosses { &tail[1..] } else { tail };
    }
    pieces[branch.len()]
}

/// How far the branch can be read with one more sign of the pattern.
fn step(sign: u8, crosses: bool, before: &[bool], branch: &[u8]) -> Vec<bool> {
    let mut after = vec![false; before.len()];
    if sign == b'*' {
        after[0] = before[0];
    }
    for (at, byte) in branch.iter().enumerate() {
        after[at + 1] = if sign == b'*' {
            before[at + 1] || after[at] && (crosses || *byte != b'/')
        } else {
            before[at] && *byte == sign
        };
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_take_what_github_says_they_take() {
        let table: [(&[&str], &str, bool); 9] = [
            (&["main"], "main", true),
            (&["master"], "main", false),
            (&["*"], "main", true),
            (&["*"], "release/1", false),
            (&["**"], "release/1", true),
            (&["release/*"], "release/1", true),
            (&["**", "!main"], "main", false),
            (&["!main", "main"], "main", true),
            (&[], "main", false),
        ];
        for (patterns, branch, expected) in table {
            assert_eq!(take(patterns.iter().copied(), branch), expected, "{patterns:?} {branch}");
        }
    }
}
