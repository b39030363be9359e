//! Messages whose documents have a form of their own.

use dunlin_core::migration::document::{Member, Value};
use dunlin_core::migration::{Failure, FailureKind};

use super::scalar::nothing;
use super::{Decoder, Slot, Slots};
use crate::protobuf::model::{Kind, Message, Scalar, Special};
use crate::protobuf::place::Place;
use crate::protobuf::text;
use crate::protobuf::wire::{Raw, low};

impl Decoder<'_> {
    /// A message of any type: the type's name, and its members or its value beside it.
    pub(super) fn any(
        &mut self,
        slots: &mut Slots,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Value, Failure> {
        let mut range = |at: usize| match slots.remove(&at) {
            Some(Slot::Raw(Raw::Bytes(range))) => range,
            _ => 0..0,
        };
        let (url, content) = (range(0), range(1));
        let url = self.utf8(&url)?;
        if url.is_empty() && content.is_empty() {
            return Ok(Value::Object(Vec::new()));
        }
        let name = url.rsplit_once('/').map(|(_, name)| name);
        let Some(index) = name.and_then(|name| self.model.named(name)) else {
            let expected =
                "expected in `@type` the name of a message that the schema or one of its imports has";
            return Err(Failure::new(FailureKind::Decode, expected));
        };
        self.spend(url.len() + 13)?;
        let mut members = vec![Member::new("@type", Value::string(url))];
        // Its members stand beside `@type`, so that the object is the one that is open already.
        if self.model.message(index).special == Special::No {
            if let Value::Object(own) = self.message(index, &[content], place, depth)? {
                members.extend(own);
            }
        } else {
            let place = Place::Member(place, "value");
            let inner = self.open(depth)?;
            members.push(Member::new(
                "value",
                self.message(index, &[content], &place, inner)?,
            ));
        }
        Ok(Value::Object(members))
    }

    pub(super) fn well_known(
        &mut self,
        special: Special,
        message: &Message,
        mut slots: Slots,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Value, Failure> {
        let refused = |expected: &str| Failure::new(FailureKind::Decode, expected);
        match special {
            Special::Timestamp | Special::Duration => {
                let mut bits = |at: usize| match slots.remove(&at) {
                    Some(Slot::Raw(Raw::Bits(_, bits))) => bits,
                    _ => 0,
                };
                let (seconds, nanos) = (bits(0).cast_signed(), low(bits(1)).cast_signed());
                let written = if special == Special::Timestamp {
                    text::timestamp(seconds, nanos).ok_or_else(|| {
                        refused(
                            "expected a point in time from year 1 to 9999 with 0 to 999999999 nanoseconds",
                        )
                    })
                } else {
                    text::duration(seconds, nanos).ok_or_else(|| {
                        refused("expected a duration of at most 10000 years whose parts have one sign")
                    })
                }?;
                self.spend(written.len() + 2)?;
                Ok(Value::string(&written))
            }
            Special::FieldMask => {
                let Some(Slot::Elements(paths)) = slots.remove(&0) else {
                    return Ok(Value::string(""));
                };
                let mut written = Vec::with_capacity(paths.len());
                for path in &paths {
                    let path = match path {
                        Value::String(path) => path.read().ok(),
                        _ => None,
                    };
                    let camel = path.and_then(|path| text::mask_path(&path));
                    written.push(camel.ok_or_else(|| {
                        refused("expected paths whose names can be written in lowerCamelCase and taken back")
                    })?);
                }
                Ok(Value::string(&written.join(",")))
            }
            Special::Struct | Special::ListValue | Special::Wrapper => {
                let field = &message.fields[0];
                if let Some(slot) = slots.remove(&0)
                    && let Some(value) = self.finish(field, slot, place, depth)?
                {
                    return Ok(value);
                }
                match special {
                    Special::Struct => self.open(depth).map(|_| Value::Object(Vec::new())),
                    Special::ListValue => self.open(depth).map(|_| Value::Array(Vec::new())),
                    _ => self.value(field.kind, &nothing(field.kind), place, depth),
                }
            }
            Special::Value => {
                let Some((at, slot)) = slots.pop_last() else {
                    return Err(refused(
                        "expected a `google.protobuf.Value` that holds something, since nothing has no JSON",
                    ));
                };
                let field = &message.fields[at];
                let value = self.finish(field, slot, place, depth)?;
                match value {
                    Some(Value::String(_)) if field.kind == Kind::Scalar(Scalar::Double) => Err(refused(
                        "expected a number that JSON has in a `google.protobuf.Value`, found NaN or an infinity",
                    )),
                    Some(value) => Ok(value),
                    None => Ok(Value::Null),
                }
            }
            Special::No | Special::Any => self.members(message, slots, place, depth).map(Value::Object),
        }
    }
}
