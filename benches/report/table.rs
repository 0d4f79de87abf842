//! The table of all rows, for a terminal or as Markdown, and a line for each that fell short.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table, presets};

use super::row::{Row, Verdict};

const HEADER: [&str; 6] = ["row", "measured", "figure", "target", "reached", "beside"];

/// How the result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Terminal,
    Markdown,
}

/// The whole result.
pub(crate) fn render(machine: &str, rows: &[Row], style: Style) -> String {
    let mut table = Table::new();
    table.load_style(match style {
        Style::Terminal => presets::UTF8_FULL_CONDENSED,
        Style::Markdown => presets::ASCII_MARKDOWN,
    });
    if style == Style::Terminal {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table.set_header(HEADER);
    for row in rows {
        table.add_row([&row.name, row.what, &row.figure, &row.target, row.verdict.word(), &row.beside]);
    }
    let mut text = format!("{machine}.\n\n{table}\n\n{METHOD}\n");
    for row in rows.iter().filter(|row| row.verdict != Verdict::Reached) {
        let how = if row.verdict == Verdict::Short { "fell short" } else { "may have fallen short" };
        _ = writeln!(text, "\n{} {how}: {}, and {} is wanted.", row.name, row.figure, row.target);
    }
    text
}

const METHOD: &str = "\
orc's side of a ratio ends when a client that follows GET /events hears of it; the floor's when the Engine API answers. \
Both sides alternate in one run, in an order that rotates; the floor is measured twice a round, and its ratio to itself \
shows what noise alone does. A service's port is measured in the same way, from connect to the end of the answer, beside \
other programs that hand connections on. Intervals are 95 %.";
