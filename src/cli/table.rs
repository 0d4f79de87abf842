//! Tables as `docker ps` prints them: columns, and no lines between them.

use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, Row, Table, Width};

/// Spaces between two columns.
const GAP: u16 = 3;

/// The last column is not cut below this, in characters with the gap; a terminal too narrow for it breaks lines.
const NARROWEST: u16 = 20;

/// The width of the terminal that stdout is, in characters; `None` when it is none.
pub(super) fn terminal_width() -> Option<u16> {
    Table::new().width()
}

/// The rows below their headings. Only the last column is cut, and only where a width is given.
pub(super) fn render<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    width: Option<u16>,
) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_truncation_indicator("…").set_header(headings);
    for row in rows {
        let mut row = Row::from(row);
        row.max_height(1);
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP));
    }
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        for column in table.column_iter_mut().take(N - 1) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        for column in table.column_iter_mut().skip(N - 1) {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(NARROWEST)));
        }
    }
    table.trim_fmt()
}
