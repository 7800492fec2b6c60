//! Aligned tables, which are Markdown as well.

/// A table whose first row is its head; what begins with a digit is aligned to the right.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let Some(head) = rows.first() else { return String::new() };
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| padded(cell, *width));
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
    let rule = format!("|{}|\n", rule.join("|"));
    line(head) + &rule + &rows[1..].iter().map(line).collect::<String>()
}

fn padded(cell: &str, width: usize) -> String {
    // Not by `{:>width$}` alone: what is counted is what is seen.
    if cell.starts_with(|letter: char| letter.is_ascii_digit() || letter == '-') {
        format!("{cell:>width$}")
    } else {
        format!("{cell:<width$}")
    }
}
