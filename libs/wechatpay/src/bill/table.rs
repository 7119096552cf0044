//! The layout all bills share: names, lines with back-ticks, names of sums, sums.

use std::collections::BTreeMap;

/// Between two fields. Names of goods contain commas: a comma alone separates nothing.
const SEPARATOR: &str = ",`";

/// Why a bill is not used. Nothing of it is: half a bill would look like missing payments.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BillError {
    /// Not UTF-8.
    #[error("the bill is not UTF-8")]
    NotText,
    /// No line of names, or lines where none may be.
    #[error("line {line} of the bill: {why}")]
    Layout {
        /// From 1.
        line: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// It ends before its sums: it was cut off.
    #[error("the bill ends without its sums: it was cut off")]
    CutOff,
    /// A column without which nothing can be compared.
    #[error("the bill has no column {0}")]
    NoColumn(&'static str),
    /// Two columns with the same name: two readers could choose differently.
    #[error("the bill has the column {0} twice")]
    ColumnTwice(String),
    /// A field that is not what its column says.
    #[error("line {line} of the bill: {column} is {value:?}")]
    Field {
        /// From 1.
        line: usize,
        /// The name of the column.
        column: String,
        /// What is there, shortened.
        value: String,
    },
    /// The lines do not add up to what the bill says.
    #[error("the bill says {column} {said:?}, its lines give {found}")]
    Sum {
        /// The name of the sum.
        column: String,
        /// In the file.
        said: String,
        /// Of the lines.
        found: String,
    },
}

/// A bill cut into fields.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Table<'a> {
    columns: Vec<&'a str>,
    positions: BTreeMap<&'a str, usize>,
    /// Fields in the order of the columns, with the number of the line.
    lines: Vec<(usize, Vec<&'a str>)>,
    sums: Vec<(&'a str, &'a str)>,
    sums_at: usize,
}

/// One line of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'t, 'a> {
    table: &'t Table<'a>,
    pub(super) number: usize,
    fields: &'t [&'a str],
}

impl<'a> Table<'a> {
    /// Cuts a bill into fields. `free_text` are the columns, side by side, whose content merchants choose: a name of goods may contain even the
    /// separator, and must not move amounts into other columns. They take what is too much in a line.
    pub(super) fn parse(bytes: &'a [u8], free_text: &[&str]) -> Result<Self, BillError> {
        let text = std::str::from_utf8(bytes).map_err(|_| BillError::NotText)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = text
            .split('\n')
            .map(|line| line.strip_suffix('\r').unwrap_or(line))
            .zip(1..)
            .map(|(line, number)| (number, line));
        let layout = |line, why| BillError::Layout { line, why };
        let (_, head) = lines
            .next()
            .filter(|(_, head)| !head.trim().is_empty())
            .ok_or(layout(1, "no names of columns"))?;
        if head.starts_with('`') || head.trim_start().starts_with('<') {
            return Err(layout(1, "no names of columns"));
        }
        let columns = names(head);
        let mut positions = BTreeMap::new();
        for (position, name) in columns.iter().enumerate() {
            if positions.insert(*name, position).is_some() {
                return Err(BillError::ColumnTwice((*name).to_owned()));
            }
        }
        let mut table = Self {
            columns,
            positions,
            lines: Vec::new(),
            sums: Vec::new(),
            sums_at: 0,
        };
        let sum_head = loop {
            match lines.next() {
                Some((number, line)) if line.starts_with('`') => {
                    let fields = table.cut(number, line, free_text)?;
                    table.lines.push((number, fields));
                }
                Some((_, line)) if !line.trim().is_empty() => break line,
                Some(_) | None => return Err(BillError::CutOff),
            }
        };
        let (number, sums) = lines.next().ok_or(BillError::CutOff)?;
        let Some(sums) = sums.strip_prefix('`') else {
            return Err(if sums.is_empty() {
                BillError::CutOff
            } else {
                layout(number, "no sums")
            });
        };
        let (sum_names, sums): (Vec<&str>, Vec<&str>) =
            (names(sum_head), sums.split(SEPARATOR).collect());
        if sum_names.len() != sums.len() {
            return Err(BillError::CutOff);
        }
        table.sums = sum_names
            .into_iter()
            .zip(sums.into_iter().map(str::trim))
            .collect();
        table.sums_at = number;
        match lines.find(|(_, line)| !line.trim().is_empty()) {
            Some((number, _)) => Err(layout(number, "something after the sums")),
            None => Ok(table),
        }
    }

    fn cut(
        &self,
        number: usize,
        line: &'a str,
        free_text: &[&str],
    ) -> Result<Vec<&'a str>, BillError> {
        let layout = |why| BillError::Layout { line: number, why };
        let line = &line[1..];
        let mut fields: Vec<&str> = line.split(SEPARATOR).collect();
        let wanted = self.columns.len();
        if fields.len() < wanted {
            return Err(layout("too few fields"));
        }
        if fields.len() > wanted {
            // Everything before the first free text is counted from the left, everything after the last one from the right.
            let first = free_text
                .iter()
                .filter_map(|name| self.position(name))
                .min();
            let Some(first) = first else {
                return Err(layout("too many fields"));
            };
            let extra = fields.len() - wanted;
            let starts: usize = fields[..first]
                .iter()
                .map(|field| field.len() + SEPARATOR.len())
                .sum();
            let length: usize = fields[first..=first + extra]
                .iter()
                .map(|field| field.len() + SEPARATOR.len())
                .sum();
            let joined = &line[starts..starts + length - SEPARATOR.len()];
            fields.splice(first..=first + extra, [joined]);
        }
        Ok(fields)
    }

    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }

    /// The first of these names that is a column.
    pub(super) fn first_of(&self, names: &[&'static str]) -> Option<&'static str> {
        names
            .iter()
            .copied()
            .find(|name| self.positions.contains_key(name))
    }

    /// The first of these names that is a column; there must be one.
    pub(super) fn required(&self, names: &[&'static str]) -> Result<&'static str, BillError> {
        self.first_of(names).ok_or(BillError::NoColumn(names[0]))
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'_, 'a>> {
        self.lines.iter().map(|(number, fields)| Line {
            table: self,
            number: *number,
            fields,
        })
    }

    pub(super) fn columns(&self) -> &[&'a str] {
        &self.columns
    }

    /// The sum with one of these names.
    pub(super) fn sum(&self, names: &[&str]) -> Option<(&'a str, &'a str)> {
        self.sums
            .iter()
            .copied()
            .find(|(name, _)| names.contains(name))
    }

    pub(super) fn no_sum(&self) -> BillError {
        BillError::Layout {
            line: self.sums_at,
            why: "the number of lines is missing among the sums",
        }
    }
}

impl<'a> Line<'_, 'a> {
    /// The field of a column; empty when there is no such column.
    pub(super) fn text(self, column: &str) -> &'a str {
        let position = self.table.position(column);
        position
            .and_then(|position| self.fields.get(position))
            .map_or("", |field| field.trim())
    }

    pub(super) fn wrong(self, column: &str) -> BillError {
        BillError::Field {
            line: self.number,
            column: column.to_owned(),
            value: self.text(column).chars().take(40).collect(),
        }
    }

    /// A field that must not be empty.
    pub(super) fn must(self, column: &str) -> Result<&'a str, BillError> {
        Some(self.text(column))
            .filter(|text| !text.is_empty())
            .ok_or_else(|| self.wrong(column))
    }
}

fn names(line: &str) -> Vec<&str> {
    line.split(',')
        .map(|name| name.trim().trim_start_matches('`'))
        .collect()
}

/// A decimal number as an integer with so many decimals; further ones must be zero. Digits are moved, never divided.
pub(super) fn decimal(text: &str, decimals: usize) -> Option<i64> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (unsigned, ""),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let (kept, below) = fraction.split_at(fraction.len().min(decimals));
    if below.bytes().any(|digit| digit != b'0') {
        return None;
    }
    let sign = if unsigned.len() == text.len() {
        ""
    } else {
        "-"
    };
    format!("{sign}{whole}{kept:0<decimals$}").parse().ok()
}
