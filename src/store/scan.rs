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

/// What was read, and what could not be.
#[derive(Debug)]
pub(super) struct Scanned<T> {
    pub(super) items: Vec<T>,
    pub(super) unreadable: Vec<Unreadable>,
}

/// Reads one row.
pub(super) fn decode<R: Stored>(row: &SqliteRow) -> Result<R::Item, Unreadable> {
    R::from_row(row).map_err(|error| error.to_string()).and_then(R::decode).map_err(|reason| {
        let column = |name| row.try_get::<String, _>(name).unwrap_or_default();
        Unreadable { id: column("id"), name: column("name"), reason }
    })
}

/// Reads rows.
pub(super) fn decode_all<R: Stored>(rows: &[SqliteRow]) -> Scanned<R::Item> {
    let mut scanned = Scanned { items: Vec::with_capacity(rows.len()), unreadable: Vec::new() };
    for row in rows {
        match decode::<R>(row) {
            Ok(item) => scanned.items.push(item),
            Err(unreadable) => scanned.unreadable.push(unreadable),
        }
    }
    scanned
}

/// Rows read at a time: enough to hide the trip, few enough to be forgotten.
const PAGE: u32 = 1000;

/// Reads a whole table with `sql`, which takes the row number after which to begin and how many rows to read,
/// and gives each row's number as `row`.
pub(super) async fn scan<R: Stored>(
    connection: &mut SqliteConnection,
    sql: &'static str,
) -> Result<Scanned<R::Item>, sqlx::Error> {
    let mut all = Scanned { items: Vec::new(), unreadable: Vec::new() };
    let mut after = 0_i64;
    loop {
        let rows = sqlx::query(sql).bind(after).bind(PAGE).fetch_all(&mut *connection).await?;
        let Some(last) = rows.last() else { return Ok(all) };
        after = last.try_get("row")?;
        let page = decode_all::<R>(&rows);
        all.items.extend(page.items);
        all.unreadable.extend(page.unreadable);
    }
}
