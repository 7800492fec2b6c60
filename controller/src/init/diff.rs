//! A unified diff, safe to print. Pure.

use similar::{Algorithm, TextDiff};

use crate::render::sanitize::sanitize;

/// What would change in `path`; nothing where nothing does.
pub(crate) fn unified(path: &str, old: Option<&str>, new: &str) -> String {
    let before = if old.is_some() { format!("a/{path}") } else { "/dev/null".to_owned() };
    let lines = TextDiff::configure()
        .algorithm(Algorithm::Patience)
        .diff_lines(old.unwrap_or_default(), new);
    let text = lines.unified_diff().header(&before, &format!("b/{path}")).to_string();
    text.lines().map(|line| format!("{}\n", sanitize(line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_where_it_is_and_hides_nothing() {
        let told = unified("ci.yml", Some("a\nb\u{1b}[2J\nc\n"), "a\nb\nc\n");
        insta::assert_snapshot!(told, @r"
        --- a/ci.yml
        +++ b/ci.yml
        @@ -1,3 +1,3 @@
         a
        -b
        +b
         c
        ");
    }
}
