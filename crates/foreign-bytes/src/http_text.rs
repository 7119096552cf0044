//! How messages are written in seeds: a first line, headers, an empty line, a body. Readable, and easy to change for a
//! fuzzer.

/// A message, as far as one could be made of the bytes. Everything is taken; what is not there is empty.
#[derive(Clone, Debug)]
pub(crate) struct Message<'a> {
    /// The first line.
    pub(crate) start: String,
    /// The lines after it that have a colon, up to the first empty line.
    pub(crate) headers: Vec<(String, String)>,
    /// What follows the empty line.
    pub(crate) body: &'a [u8],
}

impl<'a> Message<'a> {
    /// Never fails.
    pub(crate) fn read(bytes: &'a [u8]) -> Self {
        let mut rest = bytes;
        let start = line(&mut rest).unwrap_or_default();
        let mut headers = Vec::new();
        while let Some(text) = line(&mut rest) {
            if text.is_empty() {
                break;
            }
            if let Some((name, value)) = text.split_once(':') {
                let value = value.strip_prefix(' ').unwrap_or(value);
                headers.push((name.to_owned(), value.to_owned()));
            }
        }
        Self {
            start,
            headers,
            body: rest,
        }
    }

    /// The words of the first line.
    pub(crate) fn words(&self) -> (&str, &str) {
        self.start.split_once(' ').unwrap_or((&self.start, ""))
    }

    /// Whether a header has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
    }
}

/// The text up to the next line break, which is taken too. Bytes that are not text are replaced.
fn line(rest: &mut &[u8]) -> Option<String> {
    if rest.is_empty() {
        return None;
    }
    let end = rest.iter().position(|byte| *byte == b'\n');
    let (line, after) = match end {
        Some(end) => (
            rest.get(..end).unwrap_or_default(),
            rest.get(end + 1..).unwrap_or_default(),
        ),
        None => (*rest, &[][..]),
    };
    *rest = after;
    Some(String::from_utf8_lossy(line).into_owned())
}
