//! One item of a dataset, whole and as it came.
//!
//! A row is kept so that it can be put back, and mostly is only kept: so it is the JSON text, which copies share, and what is asked of it is
//! read from there. It is looked through when it is made, so that what is read later can be read.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

/// One item of a dataset: property values by property key, and `_id`. Equal are two with the same values, however they are spelled.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Row(Arc<RawValue>);

impl Row {
    /// Every property.
    pub fn properties(&self) -> Map<String, Value> {
        serde_json::from_str(self.0.get()).expect("the row was looked through when it was made")
    }

    /// These of the properties, as far as they are there.
    pub fn only(&self, keys: &[&str]) -> Map<String, Value> {
        let mut text = serde_json::Deserializer::from_str(self.0.get());
        text.deserialize_map(Only(keys)).expect("the row was looked through when it was made")
    }
}

impl From<Map<String, Value>> for Row {
    fn from(properties: Map<String, Value>) -> Self {
        Self(to_raw_value(&properties).expect("values can be written as JSON").into())
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        serde_json::Deserializer::from_str(text.get()).deserialize_map(Readable).map_err(D::Error::custom)?;
        Ok(Self(text.into()))
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get() || self.properties() == other.properties()
    }
}

impl Eq for Row {}

/// The values of these keys, of an object; the others are passed over.
struct Only<'a>(&'a [&'a str]);

impl<'de> Visitor<'de> for Only<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut properties: A) -> Result<Self::Value, A::Error> {
        let mut found = Map::new();
        while let Some(key) = properties.next_key_seed(OneOf(self.0))? {
            match key {
                Some(key) => drop(found.insert(key.to_owned(), properties.next_value()?)),
                None => drop(properties.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

/// A key, if it is one of these.
struct OneOf<'a>(&'a [&'a str]);

impl<'de, 'a> DeserializeSeed<'de> for OneOf<'a> {
    type Value = Option<&'a str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for OneOf<'a> {
    type Value = Option<&'a str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().copied().find(|known| *known == key))
    }
}

/// A value that can be read to its depth, of which nothing is kept. What is only passed over may hold texts and numbers that are none.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Readable {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self, A::Error> {
        while values.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut properties: A) -> Result<Self, A::Error> {
        while properties.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
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
        assert_eq!(Value::Object(row.only(&["a", "c", "d"])), json!({"a": 3, "c": "x"}));
        assert_eq!(row.only(&[]), Map::new());
    }

    #[test]
    fn rows_with_the_same_values_are_equal() {
        let row = read(r#"{"_id":"1","Level":3.5}"#).unwrap();
        assert_eq!(row, read(r#"{ "Level": 3.50, "_id": "\u0031" }"#).unwrap());
        assert_eq!(row, Row::from(row.properties()));
        assert_ne!(row, read(r#"{"_id":"1"}"#).unwrap());
    }

    #[test]
    fn what_could_not_be_read_later_is_no_row() {
        for bad in ["[]", "7", "null", r#"{"a":"\ud800"}"#, r#"{"\ud800":1}"#, r#"{"a":[{"b":"\ud800"}]}"#, r#"{"a":1e999}"#, r#"{"a":}"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
