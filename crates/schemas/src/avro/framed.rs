//! What stands before a datum, and the schemas of other writers that are named there.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use dunlin_core::finding::{Findings, Place};
use dunlin_core::migration::{Failure, FailureKind, Recognised, SchemaFormat};

use super::compile::compile;
use super::model::Model;
use super::plan::Plan;
use super::sources::Sources;
use super::{Avro, Ready, canonical};
use crate::framing::confluent;
use crate::registry::{Known, Registered};

/// How a single object begins: <https://avro.apache.org/docs/1.12.0/specification/#single-object-encoding>.
const SINGLE_OBJECT: [u8; 2] = [0xc3, 0x01];

/// The most compiled writers that are kept. A registry has few that are in use; ids in payloads may be anything.
const MOST_WRITERS: usize = 1000;

/// The header of a payload, and what follows it.
#[derive(Debug)]
pub(super) enum Header<'a> {
    None,
    Fingerprint(u64, &'a [u8]),
    Id(u32, &'a [u8]),
}

impl<'a> Header<'a> {
    pub(super) fn of(payload: &'a [u8]) -> Self {
        if let Some((id, datum)) = confluent(payload) {
            return Self::Id(id, datum);
        }
        let fingerprint = payload
            .strip_prefix(&SINGLE_OBJECT)
            .and_then(<[u8]>::split_first_chunk::<8>);
        match fingerprint {
            Some((fingerprint, datum)) => Self::Fingerprint(u64::from_le_bytes(*fingerprint), datum),
            None => Self::None,
        }
    }
}

/// Begins a single object.
pub(super) fn write_fingerprint(fingerprint: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&SINGLE_OBJECT);
    out.extend_from_slice(&fingerprint.to_le_bytes());
}

/// Compiles what a registry has. What is wrong with it is one sentence, since it has no file to point into.
pub(super) fn compile_registered(
    registered: &Registered,
    message: Option<&str>,
) -> Result<Arc<Model>, Arc<str>> {
    let id = registered.id;
    if registered.format != SchemaFormat::Avro {
        let format = registered.format;
        return Err(format!("expected a schema of Avro under the id {id}, found one of {format}").into());
    }
    let mut findings = Findings::new();
    let place = Place::whole(format!("schema {id}"));
    let model = Sources::of_registered(registered, &mut findings)
        .and_then(|sources| compile(&sources, message.map(|name| (name, &place)), &mut findings));
    model.ok_or_else(|| match findings.sorted().first() {
        Some(first) => format!("the schema of the registry cannot be read: {first}").into(),
        None => format!("the schema {id} of the registry cannot be read").into(),
    })
}

/// Compiles a text that stands alone.
pub(super) fn compile_text(name: &str, text: &[u8]) -> Result<Arc<Model>, String> {
    let mut findings = Findings::new();
    let model = Sources::of_text(name, text, &mut findings)
        .and_then(|sources| compile(&sources, None, &mut findings));
    model.ok_or_else(|| match findings.sorted().first() {
        Some(first) => first.to_string(),
        None => "it cannot be read".to_owned(),
    })
}

/// How the payloads of other writers are read, by the ids of their schemas. `None`: as those of the own schema.
#[derive(Debug, Default)]
pub(super) struct Writers {
    plans: RwLock<HashMap<u32, Result<Writer, Arc<str>>>>,
}

#[derive(Debug, Clone)]
struct Writer {
    plan: Option<Arc<Plan>>,
    /// Whether it is the own schema, under whatever id.
    is_own: bool,
}

impl Avro {
    /// How a payload of the writer with this id is read; `None`: as the own ones.
    ///
    /// # Errors
    /// Kind `schema`: the registry does not know the id, has not been asked, or has no schema of Avro there.
    pub(super) fn writer(&self, id: u32, ready: &Ready) -> Result<Option<Arc<Plan>>, Failure> {
        self.known_writer(id, ready).map(|writer| writer.plan)
    }

    pub(super) fn recognises_id(&self, id: u32) -> Recognised {
        let own = self.cache.as_ref().and_then(|cache| cache.own(&self.reference));
        if own.is_some_and(|own| own.id == id) {
            return Recognised::Yes;
        }
        let writer = self.ready().and_then(|ready| self.known_writer(id, ready));
        match writer {
            Ok(writer) if writer.is_own => Recognised::Yes,
            Ok(_) | Err(_) => Recognised::No,
        }
    }

    fn known_writer(&self, id: u32, ready: &Ready) -> Result<Writer, Failure> {
        let failed = |message: &str| Failure::new(FailureKind::Schema, message);
        let kept = self
            .writers
            .plans
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned();
        if let Some(kept) = kept {
            return kept.map_err(|message| failed(&message));
        }
        let Some(cache) = &self.cache else {
            return Err(failed("expected a registry that knows the writer's schema"));
        };
        let registered = match cache.writer(id) {
            Some(Known::Schema(registered)) => registered,
            Some(Known::Missing) => {
                let message = format!("the registry `{}` has no schema with the id {id}", cache.name());
                return Err(failed(&message));
            }
            None => {
                return Err(failed(
                    "expected the writer's schema, which the registry has not told yet",
                ));
            }
        };
        let made = compile_registered(&registered, None).and_then(|model| {
            let is_own = canonical::full_form(&model) == ready.full_form;
            let plan = if is_own {
                None
            } else {
                Some(Arc::new(Plan::new(&model, &ready.model)?))
            };
            Ok(Writer { plan, is_own })
        });
        let mut plans = self.writers.plans.write().unwrap_or_else(PoisonError::into_inner);
        if plans.len() >= MOST_WRITERS {
            plans.clear();
        }
        plans.insert(id, made.clone());
        drop(plans);
        made.map_err(|message| failed(&message))
    }
}
