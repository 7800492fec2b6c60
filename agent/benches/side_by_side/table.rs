//! Aligned tables, which are Markdown as well.

/// A table whose first row is its head; these columns are aligned to the right.
pub(crate) fn table(rows: &[Vec<String>], right: &[usize]) -> String {
    let Some(head) = rows.first() else { return String::new() };
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let padded = |at: usize, cell: &String| match (right.contains(&at), widths[at]) {
        (true, width) => format!("{cell:>width$}"),
        (false, width) => format!("{cell:<width$}"),
    };
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(at, cell)| padded(at, cell));
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule = widths.iter().enumerate().map(|(at, width)| {
        let end = if right.contains(&at) { ":" } else { "-" };
        "-".repeat(width + 1) + end
    });
    let rule = format!("|{}|\n", rule.collect::<Vec<_>>().join("|"));
    line(head) + &rule + &rows[1..].iter().map(line).collect::<String>()
}
