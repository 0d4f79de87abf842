//! Statements and their parameters, and rows on their way into a table.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use super::column::to_json;

/// One statement of a batch.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) sql: Cow<'static, str>,
    /// One for each `?`.
    pub(super) parameters: Vec<Parameter>,
}

/// What stands for a `?`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Parameter {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl Statement {
    /// A statement whose only parameter is JSON.
    pub(super) fn of_json(sql: &'static str, json: String) -> Self {
        Self { sql: sql.into(), parameters: vec![Parameter::Text(json)] }
    }

    /// About how many bytes it writes.
    pub(super) fn bytes(&self) -> usize {
        self.parameters.iter().map(Parameter::bytes).sum()
    }
}

impl Parameter {
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Blob(bytes) => bytes.len(),
            Self::Null | Self::Integer(_) | Self::Real(_) => size_of::<i64>(),
        }
    }
}

/// As SQLite's `->>` gives it.
impl From<Value> for Parameter {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(yes) => Self::Integer(yes.into()),
            Value::Number(number) => match number.as_i64() {
                Some(integer) => Self::Integer(integer),
                None => Self::Real(number.as_f64().unwrap_or(f64::MAX)),
            },
            Value::String(text) => Self::Text(text),
            other => Self::Text(other.to_string()),
        }
    }
}

/// The statement that hands `rows` to `sql` as one JSON array, if there are any. One text serves any number of rows, and
/// is prepared once.
pub(super) fn rows(sql: &'static str, rows: &[impl Serialize]) -> Option<Statement> {
    (!rows.is_empty()).then(|| Statement::of_json(sql, to_json(&rows)))
}

/// So many rows are inserted one by one, each column a parameter: that takes SQLite half as long as to read them from
/// JSON. More of them cost the same either way, and would need a text for each number.
const ONE_BY_ONE: usize = 2;

/// How rows come into a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Insert {
    pub(super) table: &'static str,
    /// Separated by commas: the names of the rows' fields.
    pub(super) columns: &'static str,
    /// `ON CONFLICT …`, or nothing.
    pub(super) on_conflict: &'static str,
}

impl Insert {
    /// The statements that insert `rows`.
    pub(super) fn all(&self, rows: &[impl Serialize]) -> Vec<Statement> {
        match rows.len() {
            0 => Vec::new(),
            1..=ONE_BY_ONE => rows.iter().map(|row| self.one(row)).collect(),
            _ => vec![Statement {
                sql: self.of_many().into(),
                parameters: vec![Parameter::Text(to_json(&rows))],
            }],
        }
    }

    fn columns(&self) -> impl Iterator<Item = &'static str> {
        self.columns.split(',').map(str::trim)
    }

    fn one(&self, row: &impl Serialize) -> Statement {
        let mut fields = match serde_json::to_value(row) {
            Ok(Value::Object(fields)) => fields,
            other => unreachable!("a row is an object of plain values: {other:?}"),
        };
        let parameter = |column| fields.remove(column).map_or(Parameter::Null, Parameter::from);
        let parameters: Vec<Parameter> = self.columns().map(parameter).collect();
        let Self { table, columns, on_conflict } = self;
        let marks = vec!["?"; parameters.len()].join(",");
        let sql = format!("INSERT INTO {table} ({columns}) VALUES ({marks}) {on_conflict}");
        Statement { sql: sql.into(), parameters }
    }

    /// Takes an array of rows.
    fn of_many(&self) -> String {
        let Self { table, columns, on_conflict } = self;
        let values: Vec<String> = self.columns().map(|column| format!("value ->> '{column}'")).collect();
        let values = values.join(", ");
        format!(
            "WITH input AS MATERIALIZED (SELECT value FROM json_each(?))
             INSERT INTO {table} ({columns}) SELECT {values} FROM input WHERE true {on_conflict}"
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const INSERT: Insert =
        Insert { table: "fruit", columns: "name, kilos,\n ripe", on_conflict: "ON CONFLICT DO NOTHING" };

    #[test]
    fn few_rows_are_parameters_and_many_are_json() {
        let row = json!({ "name": "apple", "kilos": 3, "other": 1 });
        let [one] = &INSERT.all(std::slice::from_ref(&row))[..] else { panic!("one statement") };
        let expected = [Parameter::Text("apple".to_owned()), Parameter::Integer(3), Parameter::Null];
        assert_eq!(one.parameters, expected);
        assert!(one.sql.ends_with("VALUES (?,?,?) ON CONFLICT DO NOTHING"), "{}", one.sql);

        assert_eq!(INSERT.all(&vec![row.clone(); 2]).len(), 2);
        let [many] = &INSERT.all(&vec![row.clone(); 3])[..] else { panic!("one statement") };
        assert_eq!(many.parameters, [Parameter::Text(json!([row, row, row]).to_string())]);
        assert!(INSERT.all(&[0; 0]).is_empty());
    }

    #[test]
    fn parameters_are_what_sqlite_reads_from_json() {
        let of = |value: Value| Parameter::from(value);
        assert_eq!(of(json!(true)), Parameter::Integer(1));
        assert_eq!(of(json!(-7)), Parameter::Integer(-7));
        assert_eq!(of(json!(0.5)), Parameter::Real(0.5));
        assert_eq!(of(json!({ "a": 1 })), Parameter::Text(r#"{"a":1}"#.to_owned()));
    }
}
