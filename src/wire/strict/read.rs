//! A typed value out of a tree, with the path to whatever does not fit.

use std::collections::HashSet;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::place::Step;
use super::problem::Problem;
use super::tree::Tree;

impl<'de> Deserializer<'de> for &'de Tree {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self {
            Tree::Null => visitor.visit_unit(),
            Tree::Bool(value) => visitor.visit_bool(*value),
            Tree::Unsigned(value) => visitor.visit_u64(*value),
            Tree::Negative(value) => visitor.visit_i64(*value),
            Tree::Fraction(value) => visitor.visit_f64(*value),
            Tree::Text(text) => visitor.visit_borrowed_str(text),
            Tree::List(list) => visitor.visit_seq(Elements { list, next: 0 }),
            Tree::Object(object) => {
                refuse_twins(object)?;
                visitor.visit_map(Entries { object, value: None })
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self {
            Tree::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &str, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    /// What serde derives for a struct takes an array of its fields too; nobody means that.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &str,
        _: &[&str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match self {
            Tree::List(_) => Err(Problem::invalid_type(Unexpected::Seq, &visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(self, _: &str, _: &[&str], visitor: V) -> Result<V::Value, Problem> {
        match self {
            Tree::Text(name) => visitor.visit_enum(Variant { name, content: None }),
            Tree::Object(object) => match object.as_slice() {
                [(name, content)] => visitor.visit_enum(Variant { name, content: Some(content) }),
                _ => Err(Problem::invalid_type(Unexpected::Map, &"an object with one field")),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map identifier ignored_any
    }
}

/// Refuses an object that has a key twice.
fn refuse_twins(object: &[(String, Tree)]) -> Result<(), Problem> {
    let mut seen = HashSet::with_capacity(object.len());
    match object.iter().find(|(key, _)| !seen.insert(key)) {
        Some((key, _)) => Err(Problem::twice().inside(Step::Field(key.clone()))),
        None => Ok(()),
    }
}

/// The elements of a list, from `next` on.
struct Elements<'de> {
    list: &'de [Tree],
    next: usize,
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Problem> {
        let index = self.next;
        self.next += 1;
        let element = self.list.get(index).map(|element| seed.deserialize(element));
        element.transpose().map_err(|problem| problem.inside(Step::Element(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.list.len().saturating_sub(self.next))
    }
}

/// The entries of an object that are left, and the one whose value is next.
struct Entries<'de> {
    object: &'de [(String, Tree)],
    value: Option<&'de (String, Tree)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Problem> {
        let Some((entry, rest)) = self.object.split_first() else { return Ok(None) };
        (self.object, self.value) = (rest, Some(entry));
        let key = seed.deserialize(BorrowedStrDeserializer::new(&entry.0));
        key.map(Some).map_err(|problem: Problem| problem.inside(Step::Field(entry.0.clone())))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let Some((key, value)) = self.value.take() else {
            return Err(Problem::custom("a value was asked for before its key"));
        };
        seed.deserialize(value).map_err(|problem| problem.inside(Step::Field(key.clone())))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.object.len())
    }
}

/// `"name"`, or `{"name": content}`.
struct Variant<'de> {
    name: &'de str,
    content: Option<&'de Tree>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Problem;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Problem> {
        let name = seed.deserialize(BorrowedStrDeserializer::<Problem>::new(self.name))?;
        Ok((name, self))
    }
}

impl<'de> Variant<'de> {
    /// What is beside the name, as a `T`; null when nothing is.
    fn content<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Problem> {
        let content = seed.deserialize(self.content.unwrap_or(&Tree::Null));
        content.map_err(|problem| problem.inside(Step::Field(self.name.to_owned())))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Problem;

    fn unit_variant(self) -> Result<(), Problem> {
        self.content(std::marker::PhantomData)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Problem> {
        self.content(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Problem> {
        self.content.unwrap_or(&Tree::Null).deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let content = self.content.unwrap_or(&Tree::Null).deserialize_struct("", fields, visitor);
        content.map_err(|problem| problem.inside(Step::Field(self.name.to_owned())))
    }
}
