//! The XML of the v2 protocol: one root, one level of elements, nothing else.
//!
//! Notifications have to be parsed before their signature can be checked, on an address that everybody can reach. So what the protocol does not
//! need is refused: DOCTYPE, entities, processing instructions, attributes, nesting, repetition; and everything is limited
//! (WeChat Pay security notice on XML external entities, CVE-2018-13439, CVE-2018-20318).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use quick_xml::XmlVersion;
use quick_xml::events::Event;
use quick_xml::reader::Reader;

/// Largest document, in bytes. Notifications have a few KiB; a `detail` or `promotion_detail` has up to 6,000 characters.
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// Most elements. The largest answer, a refund query, has about 12 for each of 20 refunds, and their coupons.
const MAX_ELEMENTS: usize = 1_000;

/// Why a document is not one of the protocol's.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum XmlError {
    /// It is too large.
    #[error("the document has more than {MAX_BYTES} bytes or {MAX_ELEMENTS} elements")]
    TooLarge,
    /// It uses what the protocol does not need and attackers do.
    #[error("the document has {0}, which the protocol does not use")]
    Forbidden(&'static str),
    /// It is not well-formed, or not flat.
    #[error("the document is not a flat list of elements: {0}")]
    Malformed(String),
    /// A name occurs twice.
    #[error("the element {0} occurs twice")]
    Repeated(String),
}

fn malformed<T>(why: impl std::fmt::Display) -> Result<T, XmlError> {
    Err(XmlError::Malformed(why.to_string()))
}

/// Where in the document we are.
enum Place {
    Before,
    Root,
    Element(String, String),
    After,
}

/// Reads a document. The root may be `<xml>` or, in decrypted refund notifications, `<root>`.
pub(super) fn parse(document: &[u8]) -> Result<BTreeMap<String, String>, XmlError> {
    if document.len() > MAX_BYTES {
        return Err(XmlError::TooLarge);
    }
    let document = std::str::from_utf8(document).or_else(|_| malformed("it is not UTF-8"))?;
    let document = document.strip_prefix('\u{feff}').unwrap_or(document);
    let mut reader = Reader::from_str(document);
    reader.config_mut().check_end_names = true;
    let mut fields = BTreeMap::new();
    let mut place = Place::Before;
    loop {
        let event = reader.read_event().or_else(malformed)?;
        place = match (event, place) {
            (Event::Eof, Place::After) => return Ok(fields),
            (Event::Eof, _) => return malformed("it ends too early"),
            (Event::DocType(_), _) => return Err(XmlError::Forbidden("a DOCTYPE")),
            (Event::PI(_), _) => return Err(XmlError::Forbidden("a processing instruction")),
            (Event::Decl(_), Place::Before) => Place::Before,
            (Event::Decl(_), _) => return malformed("a declaration inside"),
            (Event::Comment(_), place) => place,
            (Event::Start(tag), place) => {
                if tag.attributes().next().is_some() {
                    return Err(XmlError::Forbidden("attributes"));
                }
                let name = name(tag.name().as_ref())?;
                match place {
                    Place::Before if name == "xml" || name == "root" => Place::Root,
                    Place::Before => return malformed("the root is not <xml>"),
                    Place::Root => Place::Element(name, String::new()),
                    Place::Element(..) => return malformed("elements inside elements"),
                    Place::After => return malformed("more than one root"),
                }
            }
            (Event::Empty(tag), Place::Root) => {
                if tag.attributes().next().is_some() {
                    return Err(XmlError::Forbidden("attributes"));
                }
                insert(&mut fields, name(tag.name().as_ref())?, String::new())?;
                Place::Root
            }
            (Event::Empty(_), _) => return malformed("an empty element at a wrong place"),
            (Event::End(_), Place::Element(name, value)) => {
                insert(&mut fields, name, value)?;
                Place::Root
            }
            (Event::End(_), Place::Root) => Place::After,
            (Event::End(_), Place::Before | Place::After) => return malformed("an end too many"),
            (Event::Text(text), Place::Element(name, value)) => Place::Element(
                name,
                append(value, text.xml_content(XmlVersion::Implicit1_0)),
            ),
            (Event::CData(text), Place::Element(name, value)) => Place::Element(
                name,
                append(value, text.xml_content(XmlVersion::Implicit1_0)),
            ),
            (Event::GeneralRef(reference), Place::Element(name, mut value)) => {
                value.push(character(&reference)?);
                Place::Element(name, value)
            }
            (Event::Text(text), place) if text.trim_ascii().is_empty() => place,
            (Event::Text(_) | Event::CData(_) | Event::GeneralRef(_), _) => {
                return malformed("text between elements");
            }
        };
    }
}

fn name(text: &str) -> Result<String, XmlError> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if (1..=64).contains(&text.len()) && text.bytes().all(is_name) {
        Ok(text.to_owned())
    } else {
        malformed("a name that the protocol does not use")
    }
}

fn insert(
    fields: &mut BTreeMap<String, String>,
    name: String,
    value: String,
) -> Result<(), XmlError> {
    if fields.len() >= MAX_ELEMENTS {
        return Err(XmlError::TooLarge);
    }
    match fields.entry(name) {
        Entry::Vacant(place) => {
            place.insert(value);
            Ok(())
        }
        Entry::Occupied(place) => Err(XmlError::Repeated(place.key().clone())),
    }
}

/// Most values are one piece of text.
fn append(value: String, text: Cow<'_, str>) -> String {
    if value.is_empty() {
        text.into_owned()
    } else {
        value + &text
    }
}

/// One of the five entities that every document has, or a numbered character.
fn character(reference: &quick_xml::events::BytesRef<'_>) -> Result<char, XmlError> {
    if let Some(character) = reference.resolve_char_ref().or_else(malformed)? {
        return Ok(character);
    }
    match reference.as_ref() {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(XmlError::Forbidden("an entity of its own")),
    }
}

/// Writes a document. Values are escaped, which every reader understands, with or without CDATA.
pub(super) fn write(fields: &BTreeMap<String, String>) -> String {
    let length = fields
        .iter()
        .map(|(name, value)| 2 * name.len() + value.len() + 5);
    let mut document = String::with_capacity(length.sum::<usize>() + "<xml></xml>".len());
    document.push_str("<xml>");
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        document.push('<');
        document.push_str(name);
        document.push('>');
        escape(&mut document, value);
        document.push_str("</");
        document.push_str(name);
        document.push('>');
    }
    document.push_str("</xml>");
    document
}

fn escape(document: &mut String, value: &str) {
    for piece in value.split_inclusive(['<', '>', '&', '\r']) {
        let reference = match piece.as_bytes().last() {
            Some(b'<') => "&lt;",
            Some(b'>') => "&gt;",
            Some(b'&') => "&amp;",
            // A reader would make a line feed of it.
            Some(b'\r') => "&#13;",
            _ => {
                document.push_str(piece);
                continue;
            }
        };
        document.push_str(&piece[..piece.len() - 1]);
        document.push_str(reference);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(document: &str) -> Result<Vec<(String, String)>, XmlError> {
        parse(document.as_bytes()).map(|fields| fields.into_iter().collect())
    }

    fn one(name: &str, value: &str) -> Result<Vec<(String, String)>, XmlError> {
        Ok(vec![(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn plain_text_cdata_and_references_are_the_same() {
        for document in [
            "<xml><a>1 &lt; 2 &amp; 3</a></xml>",
            "<xml><a><![CDATA[1 < 2 & 3]]></a></xml>",
            "<xml><a>1 &#60; 2 &#x26; 3</a></xml>",
            "<xml><a>1 <![CDATA[< 2 &]]> 3</a></xml>",
            "\u{feff}<?xml version=\"1.0\"?>\n<xml>\n  <a>1 &lt; 2 &amp; 3</a>\n</xml>\n",
        ] {
            assert_eq!(read(document), one("a", "1 < 2 & 3"), "{document}");
        }
        assert_eq!(
            read("<xml><a> x </a></xml>"),
            one("a", " x "),
            "blanks are signed"
        );
        assert_eq!(read("<xml><a/></xml>"), one("a", ""));
        assert_eq!(read("<root><a>]]&gt;</a></root>"), one("a", "]]>"));
        assert_eq!(
            read("<xml><a><![CDATA[x]]]]><![CDATA[>]]></a></xml>"),
            one("a", "x]]>")
        );
    }

    #[test]
    fn what_the_protocol_does_not_need_is_refused() {
        for document in [
            "<!DOCTYPE xml><xml><a>1</a></xml>",
            "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><xml><a>&e;</a></xml>",
            "<!DOCTYPE l [<!ENTITY a \"aa\"><!ENTITY b \"&a;&a;\">]><xml><a>&b;</a></xml>",
            "<xml><a>&e;</a></xml>",
            "<xml><a b=\"c\">1</a></xml>",
            "<xml c=\"d\"><a>1</a></xml>",
            "<?php ?><xml><a>1</a></xml>",
            "<xml><a><b>1</b></a></xml>",
            "<xml><a>1</a><a>2</a></xml>",
            "<xml><a>1</a></xml><xml></xml>",
            "<xml><a>1</a></xml>rest",
            "<xml><a>1</b></xml>",
            "<xml><a>1</a>",
            "<xml>text</xml>",
            "<html><a>1</a></html>",
            "<x:xml><a>1</a></x:xml>",
            "<xml><a:b>1</a:b></xml>",
            "{\"a\":1}",
            "",
        ] {
            assert!(read(document).is_err(), "{document}");
        }
    }

    #[test]
    fn size_is_limited() {
        let long = format!("<xml><a>{}</a></xml>", "x".repeat(MAX_BYTES));
        assert_eq!(read(&long), Err(XmlError::TooLarge));
        let many: String = (0..=MAX_ELEMENTS).map(|n| format!("<a{n}/>")).collect();
        assert_eq!(read(&format!("<xml>{many}</xml>")), Err(XmlError::TooLarge));
        let deep = "<xml>".repeat(5_000);
        assert!(read(&deep).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_again(
            fields in prop::collection::btree_map("[a-z][a-z0-9_]{0,20}", "[^\u{0}-\u{8}\u{b}\u{c}\u{e}-\u{1f}\u{fffe}\u{ffff}]{1,40}", 0..8)
        ) {
            prop_assert_eq!(parse(write(&fields).as_bytes()), Ok(fields));
        }

        #[test]
        fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            drop(parse(&bytes));
        }

        #[test]
        fn nothing_that_looks_like_xml_breaks_it(text in "(<xml>|</xml>|<a>|</a>|<!\\[CDATA\\[|\\]\\]>|&amp;|&#x41;|<!--|-->|<a/>|x){0,30}") {
            drop(parse(text.as_bytes()));
        }
    }
}
