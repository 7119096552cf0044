//! Query parameters: unknown ones are refused, page sizes have limits.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;

use super::error::{Code, Problem};

const DEFAULT_PAGE: u32 = 20;
const LARGEST_PAGE: u32 = 100;

pub(crate) fn invalid_query(detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidQuery, detail)
}

pub(crate) fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query
        .map(|Query(parameters)| parameters)
        .map_err(|error| invalid_query(format!("{}.", error.body_text())))
}

pub(crate) fn page_size(limit: Option<u32>) -> Result<u32, Problem> {
    match limit.unwrap_or(DEFAULT_PAGE) {
        size @ 1..=LARGEST_PAGE => Ok(size),
        _ => Err(invalid_query("limit must be from 1 to 100.")),
    }
}
