//! The picture of a run: a bar for every ratio, beside a line for what people use. Plain SVG, because
//! that is all it takes; readable on light and on dark.

use crate::{
    findings::{Finding, Findings},
    series::rounded,
    targets::Limit,
};

const WIDTH: u32 = 904;
const HEAD: u32 = 48;
const ROW: u32 = 44;
const BAR: u32 = 16;
/// Where bars begin, and how long 1.0 is.
const LEFT: f64 = 330.0;
const ONE: f64 = 440.0;
/// A bar that is longer is cut off.
const LONGEST: f64 = 1.15;

const STYLE: &str = "text{font:13px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#1f2328}\
 .paper{fill:#fff}.dim{fill:#656d76;font-size:12px}.ours{fill:#1a7f64}.missed{fill:#bc4c00}.rail{fill:#8c959f;opacity:.18}\
 .one{stroke:#656d76;stroke-width:1.5}.wanted{stroke:#1f2328;stroke-width:2}\
 @media(prefers-color-scheme:dark){text{fill:#e6edf3}.paper{fill:#0d1117}.dim{fill:#9198a1}.ours{fill:#3fb68b}\
 .missed{fill:#e0823d}.one{stroke:#9198a1}.wanted{stroke:#e6edf3}}";

/// The SVG file.
pub(crate) fn draw(findings: &Findings) -> String {
    let ratios = findings.found.iter().filter_map(|finding| match finding.target.limit {
        Limit::Times(wanted) => Some((finding, wanted)),
        Limit::AtMost(..) | Limit::AtLeast(..) => None,
    });
    let rows: Vec<_> = ratios.collect();
    let height = HEAD + ROW * rows.len() as u32 + 8;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-12 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         role=\"img\" aria-label=\"Time that ripcord takes, as a part of what people use\">\n\
         <style>{STYLE}</style>\n\
         <rect class=\"paper\" x=\"-12\" width=\"{WIDTH}\" height=\"{height}\" rx=\"6\"/>\n"
    );
    svg += &text(LEFT, 18.0, "", "ripcord's time, as a part of what people use: shorter is better");
    svg += &text(LEFT, 38.0, "dim", "a tick across a bar: what was promised at most");
    svg += &text(LEFT + ONE - 60.0, 38.0, "dim", "1 = what people use");
    for (at, (finding, wanted)) in rows.iter().enumerate() {
        svg += &row(finding, *wanted, f64::from(HEAD + ROW * at as u32));
    }
    svg += &upright("one", LEFT + ONE, f64::from(HEAD), f64::from(height - 8));
    svg + "</svg>\n"
}

fn row(finding: &Finding, wanted: f64, top: f64) -> String {
    let middle = top + f64::from(ROW) / 2.0;
    let bar = middle - f64::from(BAR) / 2.0;
    let class = if finding.value <= wanted { "ours" } else { "missed" };
    let length = finding.value.min(LONGEST) * ONE;
    let end = LEFT + length.max(wanted * ONE);
    let plain = |text: &str| text.replace('`', "").to_owned();
    [
        text(0.0, middle - 3.0, "", &plain(finding.target.what)),
        text(0.0, middle + 13.0, "dim", &format!("beside {}", plain(finding.target.beside))),
        rectangle("rail", bar, ONE),
        rectangle(class, bar, length),
        upright("wanted", LEFT + wanted * ONE, bar - 3.0, bar + f64::from(BAR) + 3.0),
        text(end + 8.0, middle + 4.0, "", &rounded(finding.value)),
    ]
    .concat()
}

fn rectangle(class: &str, top: f64, width: f64) -> String {
    format!(
        "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{top}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\"/>\n"
    )
}

fn upright(class: &str, x: f64, top: f64, bottom: f64) -> String {
    format!("<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>\n")
}

fn text(x: f64, y: f64, class: &str, words: &str) -> String {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>\n")
}
