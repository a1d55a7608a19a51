//! One item of a dataset, whole and as it came.
//!
//! A row is kept so that it can be put back, and mostly is only kept: so it is the JSON text, which copies share and so do the rows of one
//! answer, and what is asked of it is read from there. JSON allows for values that no text and no number can hold, such as half a character; one
//! of these is kept as it came and concerns only who asks for it. A restore leaves it out.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// One item of a dataset: property values by property key, and `_id`. Equal are two with the same values, however they are spelled.
#[derive(Clone)]
pub struct Row {
    /// A JSON text, and which part of it is the row.
    text: Arc<String>,
    part: Range<usize>,
}

impl Row {
    /// Reads a list of rows. They share one text, which is kept as long as any of them, and are counted as they come.
    ///
    /// # Errors
    /// [`ListError`].
    pub fn list(json: Vec<u8>, rows_max: usize) -> Result<Vec<Self>, ListError> {
        let mut text = String::from_utf8(json).map_err(serde_json::Error::custom)?;
        text.shrink_to_fit();
        let text = Arc::new(text);
        let mut list = serde_json::Deserializer::from_str(&text);
        let mut rows = Vec::new();
        let read = list.deserialize_seq(UpToOneTooMany { rows: &mut rows, rows_max }).and_then(|()| list.end());
        if rows.len() > rows_max {
            return Err(ListError::TooMany);
        }
        read?;
        let part = |row: &RawValue| {
            check(row)?;
            let start = row.get().as_ptr().addr() - text.as_ptr().addr();
            Ok(Self { text: Arc::clone(&text), part: start..start + row.get().len() })
        };
        rows.into_iter().map(part).collect()
    }

    /// Every property that can be read.
    pub fn properties(&self) -> Map<String, Value> {
        self.visit(Readable)
    }

    /// The JSON of these of the properties, as far as they are there.
    pub fn only<'a>(&'a self, keys: &[&'a str]) -> Properties<'a> {
        self.visit(Only(keys))
    }

    fn visit<'a, V: Visitor<'a>>(&'a self, visitor: V) -> V::Value {
        serde_json::Deserializer::from_str(self.json()).deserialize_map(visitor).expect("the row is the JSON of an object")
    }

    /// The JSON of an object, and nothing else.
    fn whole(text: String) -> Self {
        Self { part: 0..text.len(), text: Arc::new(text) }
    }

    fn json(&self) -> &str {
        &self.text[self.part.clone()]
    }
}

/// Why there is no list of rows.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// It is no JSON of a list of objects.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// There are more than asked for.
    #[error("too many rows")]
    TooMany,
}

/// Some properties of a row.
#[derive(Debug)]
pub struct Properties<'a>(Vec<(&'a str, &'a RawValue)>);

impl<'a> Properties<'a> {
    /// The value of a key, if it is there; of two the last.
    pub fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(found, _)| *found == key).map(|(_, value)| *value)
    }
}

impl From<Map<String, Value>> for Row {
    fn from(properties: Map<String, Value>) -> Self {
        Self::whole(Value::Object(properties).to_string())
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        check(&text).map_err(D::Error::custom)?;
        Ok(Self::whole(Box::<str>::from(text).into()))
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row: &RawValue = serde_json::from_str(self.json()).expect("the row is JSON");
        row.serialize(serializer)
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Row").field(&self.json()).finish()
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        let whole = |row: &Self| serde_json::from_str::<Map<String, Value>>(row.json()).ok();
        self.json() == other.json() || whole(self).is_some_and(|row| whole(other) == Some(row))
    }
}

impl Eq for Row {}

/// What is JSON at all, a [`RawValue`] has seen to.
fn check(row: &RawValue) -> Result<(), serde_json::Error> {
    if row.get().starts_with('{') { Ok(()) } else { Err(serde_json::Error::custom("a row is an object")) }
}

/// Takes the elements of a list, which is left at the first one that is too many.
struct UpToOneTooMany<'a, 'de> {
    rows: &'a mut Vec<&'de RawValue>,
    rows_max: usize,
}

impl<'de> Visitor<'de> for UpToOneTooMany<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while self.rows.len() <= self.rows_max {
            match list.next_element()? {
                Some(row) => self.rows.push(row),
                None => return Ok(()),
            }
        }
        Err(A::Error::custom("too many"))
    }
}

/// The values of these keys, of an object; the others are passed over.
struct Only<'k, 'a>(&'k [&'a str]);

impl<'a> Visitor<'a> for Only<'_, 'a> {
    type Value = Properties<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut properties: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::with_capacity(self.0.len());
        while let Some(key) = properties.next_key_seed(OneOf(self.0))? {
            match key {
                Some(key) => found.push((key, properties.next_value()?)),
                None => drop(properties.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Properties(found))
    }
}

/// A key, if it is one of these.
struct OneOf<'k, 'a>(&'k [&'a str]);

impl<'de, 'a> DeserializeSeed<'de> for OneOf<'_, 'a> {
    type Value = Option<&'a str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        // As bytes, for a key may be no text.
        deserializer.deserialize_bytes(self)
    }
}

impl<'a> Visitor<'_> for OneOf<'_, 'a> {
    type Value = Option<&'a str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(self.0.iter().copied().find(|known| known.as_bytes() == key))
    }
}

/// The properties of an object, but for those of which key or value cannot be read.
struct Readable;

impl<'a> Visitor<'a> for Readable {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut properties: A) -> Result<Self::Value, A::Error> {
        let mut found = Map::new();
        while let Some((Key(key), value)) = properties.next_entry::<Key, &RawValue>()? {
            found.extend(key.zip(Value::deserialize(value).ok()));
        }
        Ok(found)
    }
}

/// A key, if it is a text.
struct Key(Option<String>);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Self(None))
    }
}

impl Visitor<'_> for Key {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<Self, E> {
        Ok(Self(String::from_utf8(key.to_vec()).ok()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Row, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn a_row_is_written_as_it_was_read() {
        let text = r#"{"b": 1.50,"a":[ "\u00e9",null],"_id":"7"}"#;
        let row = read(text).unwrap();
        assert_eq!(serde_json::to_string(&[&row]).unwrap(), format!("[{text}]"));
        assert_eq!(Value::Object(row.properties()), json!({"b": 1.5, "a": ["é", null], "_id": "7"}));
    }

    #[test]
    fn only_what_is_asked_for_is_read_and_the_last_of_two() {
        let row = read(r#"{"a":1,"b":{"a":2},"\u0063":"x","a":3}"#).unwrap();
        let only = row.only(&["a", "c", "d"]);
        assert_eq!(["a", "c", "d"].map(|key| only.get(key).map(RawValue::get)), [Some("3"), Some(r#""x""#), None]);
        assert!(row.only(&[]).get("a").is_none());
    }

    #[test]
    fn rows_with_the_same_values_are_equal() {
        let row = read(r#"{"_id":"1","Level":3.5}"#).unwrap();
        assert_eq!(row, read(r#"{ "Level": 3.50, "_id": "\u0031" }"#).unwrap());
        assert_eq!(row, Row::from(row.properties()));
        assert_ne!(row, read(r#"{"_id":"1"}"#).unwrap());
    }

    #[test]
    fn the_rows_of_a_list_are_each_as_it_came() {
        let rows = Row::list(br#" [ {"_id":"\u00e4" } ,{}]"#.to_vec(), 2).unwrap();
        assert_eq!(serde_json::to_string(&rows).unwrap(), r#"[{"_id":"\u00e4" },{}]"#);
        assert_eq!(rows[0], read(r#"{"_id":"ä"}"#).unwrap());
        for bad in [&b"{}"[..], b"[7]", b"[{}", br#"[{"a":}]"#, br#"[{"a":"\x"}]"#, b"[{\"a\":\"\xff\"}]"] {
            assert!(matches!(Row::list(bad.to_vec(), 2), Err(ListError::Json(_))), "{bad:?}");
        }
    }

    #[test]
    fn rows_are_counted_while_they_are_read() {
        for more in ["[{},{},{}]", "[{},{},{},no JSON"] {
            assert!(matches!(Row::list(more.into(), 2), Err(ListError::TooMany)), "{more}");
        }
        for odd in ["[{},{}] {}", "[{},{}"] {
            assert!(matches!(Row::list(odd.into(), 2), Err(ListError::Json(_))), "{odd}");
        }
    }

    #[test]
    fn a_value_that_cannot_be_read_spoils_no_other() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for odd in [r#""\ud800""#, "1e999", &deep] {
            let text = format!(r#"{{"_id":"1","odd":{odd},"\ud800":2}}"#);
            let row = read(&text).unwrap();
            assert_eq!(serde_json::to_string(&row).unwrap(), text);
            assert_eq!(Value::Object(row.properties()), json!({"_id": "1"}));
            assert_eq!(row.only(&["odd"]).get("odd").unwrap().get(), odd);
            assert!(row == read(&text).unwrap() && row != read(r#"{"_id":"1"}"#).unwrap());
        }
    }

    #[test]
    fn what_is_no_object_is_no_row() {
        for bad in ["[]", "7", "null", r#"{"a":}"#, r#"{"a":1"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
