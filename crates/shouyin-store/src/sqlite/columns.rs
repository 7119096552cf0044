//! Reading a row column by column, in the order of its `select`.

use std::net::IpAddr;

use rusqlite::Row;
use rusqlite::types::FromSql;
use shouyin_core::Timestamp;
use shouyin_core::ports::StoreError;
use shouyin_core::product::{H5Kind, H5Scene};

use super::error::DbError;

/// A row being read. Whatever cannot be understood becomes [`StoreError::Corrupt`] with the table, the row and the column.
pub(super) struct Columns<'row> {
    row: &'row Row<'row>,
    table: &'static str,
    next: usize,
}

impl<'row> Columns<'row> {
    /// The first column must name the row for people.
    pub(super) fn new(table: &'static str, row: &'row Row<'row>) -> Self {
        Self {
            row,
            table,
            next: 0,
        }
    }

    /// The next column as it is stored.
    pub(super) fn value<T: FromSql>(&mut self) -> Result<T, DbError> {
        let index = self.next;
        self.next += 1;
        self.row
            .get(index)
            .map_err(|error| self.corrupt(&error.to_string()))
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, DbError> {
        Ok(Timestamp::from_millis(self.value()?))
    }

    pub(super) fn optional_time(&mut self) -> Result<Option<Timestamp>, DbError> {
        Ok(self.value::<Option<i64>>()?.map(Timestamp::from_millis))
    }

    /// A checked string.
    pub(super) fn parsed<T, E: std::fmt::Display>(
        &mut self,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<T, DbError> {
        let text = self.value()?;
        parse(text).map_err(|error| self.corrupt(&error.to_string()))
    }

    /// A checked string that may be absent.
    pub(super) fn optional<T, E: std::fmt::Display>(
        &mut self,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<Option<T>, DbError> {
        match self.value()? {
            Some(text) => parse(text)
                .map(Some)
                .map_err(|error| self.corrupt(&error.to_string())),
            None => Ok(None),
        }
    }

    /// Where a payer's browser is.
    pub(super) fn scene(&mut self) -> Result<Option<H5Scene>, DbError> {
        let payer_ip = self.optional(|text| text.parse::<IpAddr>())?;
        let kind = self.optional(|text| {
            H5Kind::parse(&text).ok_or_else(|| format!("{text:?} is not known"))
        })?;
        match (payer_ip, kind) {
            (Some(payer_ip), Some(kind)) => Ok(Some(H5Scene { payer_ip, kind })),
            (None, None) => Ok(None),
            (Some(_), None) | (None, Some(_)) => {
                Err(self.corrupt("a browser's address and its kind belong together"))
            }
        }
    }

    /// An enum by its name.
    pub(super) fn named<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, DbError> {
        let text: String = self.value()?;
        parse(&text).ok_or_else(|| self.corrupt(&format!("{text:?} is not known")))
    }

    /// The columns read so far do not fit together, or the last one makes no sense.
    pub(super) fn corrupt(&self, problem: &str) -> DbError {
        let id = match self.row.get_ref(0) {
            Ok(value) => match value {
                rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                rusqlite::types::ValueRef::Null
                | rusqlite::types::ValueRef::Real(_)
                | rusqlite::types::ValueRef::Blob(_) => "without a key".into(),
            },
            Err(error) => error.to_string(),
        };
        let column = self.next.checked_sub(1).map_or("", |index| {
            self.row.as_ref().column_name(index).unwrap_or_default()
        });
        StoreError::Corrupt(format!("{} {id}, column {column}: {problem}", self.table)).into()
    }
}
