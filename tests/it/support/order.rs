//! JSON with its keys in the order in which they were written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// The shape of a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ordered {
    Object(Vec<(String, Ordered)>),
    Array(Vec<Ordered>),
    Plain,
}

impl Ordered {
    /// The keys of this object.
    #[track_caller]
    pub(crate) fn keys(&self) -> Vec<&str> {
        let Self::Object(fields) = self else { panic!("no object: {self:?}") };
        fields.iter().map(|(key, _)| key.as_str()).collect()
    }

    /// The value of a key.
    #[track_caller]
    pub(crate) fn at(&self, wanted: &str) -> &Self {
        let Self::Object(fields) = self else { panic!("no object: {self:?}") };
        let found = fields.iter().find(|(key, _)| key == wanted);
        &found.unwrap_or_else(|| panic!("no {wanted} in {self:?}")).1
    }

    /// The first element of this array.
    #[track_caller]
    pub(crate) fn first(&self) -> &Self {
        match self {
            Self::Array(elements) if !elements.is_empty() => &elements[0],
            _ => panic!("no array with elements: {self:?}"),
        }
    }
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Shape)
    }
}

struct Shape;

impl<'de> Visitor<'de> for Shape {
    type Value = Ordered;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Ordered::Object(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Ordered, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element()? {
            elements.push(element);
        }
        Ok(Ordered::Array(elements))
    }

    fn visit_unit<E>(self) -> Result<Ordered, E> {
        Ok(Ordered::Plain)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Ordered, E> {
        Ok(Ordered::Plain)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Ordered, E> {
        Ok(Ordered::Plain)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Ordered, E> {
        Ok(Ordered::Plain)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Ordered, E> {
        Ok(Ordered::Plain)
    }

    fn visit_str<E>(self, _: &str) -> Result<Ordered, E> {
        Ok(Ordered::Plain)
    }
}
