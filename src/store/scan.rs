//! Reading rows so that one that cannot be read stops only itself.

use std::path::Path;

use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row, SqliteConnection};

use super::error::Error;

/// A row that orc leaves alone, because it does not say what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// What its column `id` says; may be damaged too.
    pub id: String,
    /// What its column `name` says; may be damaged too.
    pub name: String,
    /// What is wrong with it, in words.
    pub reason: String,
}

impl Unreadable {
    pub(super) fn into_error(self, file: &Path) -> Error {
        let Self { id, name, reason } = self;
        Error::Unreadable(format!(
            "{} cannot be read from {}: {reason}",
            [name, id].join(" "),
            file.display()
        ))
    }
}

/// A row as its table has it.
pub(super) trait Stored: for<'r> FromRow<'r, SqliteRow> {
    /// What it means.
    type Item;

    /// Reads its columns; what is wrong with them otherwise.
    fn decode(self) -> Result<Self::Item, String>;
}

/// Some rows in the order of their numbers.
#[derive(Debug)]
pub struct Page<T> {
    /// Those that can be read.
    pub items: Vec<T>,
    /// Those that cannot.
    pub unreadable: Vec<Unreadable>,
    /// The number after which the next page begins; `None` = this was the last one.
    pub next: Option<u64>,
}

/// Reads one row.
pub(super) fn decode<R: Stored>(row: &SqliteRow) -> Result<R::Item, Unreadable> {
    R::from_row(row).map_err(|error| error.to_string()).and_then(R::decode).map_err(|reason| {
        let column = |name| row.try_get::<String, _>(name).unwrap_or_default();
        Unreadable { id: column("id"), name: column("name"), reason }
    })
}

/// Reads the rows that a query with `limit` gave, each with its number as `row`.
pub(super) fn page<R: Stored>(rows: &[SqliteRow], limit: u32) -> Page<R::Item> {
    let mut page = Page { items: Vec::with_capacity(rows.len()), unreadable: Vec::new(), next: None };
    for row in rows {
        match decode::<R>(row) {
            Ok(item) => page.items.push(item),
            Err(unreadable) => page.unreadable.push(unreadable),
        }
    }
    if u32::try_from(rows.len()).is_ok_and(|length| length >= limit) {
        page.next = rows.last().and_then(|row| row.try_get("row").ok());
    }
    page
}

/// Rows read at a time: enough to hide the trip, few enough to be forgotten.
const PAGE: u32 = 1000;

/// Reads a whole table with `sql`, which takes the row number after which to begin and how many rows to read,
/// and gives each row's number as `row`.
pub(super) async fn scan<R: Stored>(
    connection: &mut SqliteConnection,
    sql: &'static str,
) -> Result<Page<R::Item>, sqlx::Error> {
    let mut all = Page { items: Vec::new(), unreadable: Vec::new(), next: Some(0) };
    while let Some(after) = all.next {
        let rows = sqlx::query(sql).bind(number(after)).bind(PAGE).fetch_all(&mut *connection).await?;
        let page = page::<R>(&rows, PAGE);
        all.items.extend(page.items);
        all.unreadable.extend(page.unreadable);
        all.next = page.next;
    }
    Ok(all)
}

/// A row's number as SQLite has it; one beyond its range is its highest.
pub(super) fn number(row: u64) -> i64 {
    i64::try_from(row).unwrap_or(i64::MAX)
}
