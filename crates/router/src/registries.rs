//! Schema registries on the way of a message: asked for what migrations await.

use bytes::Bytes;
use dunlin_core::clock::Clock;
use dunlin_core::migration::{Awaited, Migration};
use dunlin_schemas::registry::{Purpose, Registries, RegistryError};

/// Fetches everything that a migration awaits: before a message with this payload can be migrated, or, without a payload,
/// before any can.
///
/// # Errors
/// What a registry did not say. What was fetched before that stays known.
pub async fn fetch_for(
    migration: &Migration,
    payload: Option<&Bytes>,
    registries: &Registries,
    purpose: Purpose,
    clock: &dyn Clock,
) -> Result<(), RegistryError> {
    while let Some(awaited) = migration.awaits(payload) {
        let answer = fetch(registries, &awaited, purpose, clock).await;
        if migration.awaits(payload).as_ref() == Some(&awaited) {
            answer?;
            return Err(unhelpful(&awaited));
        }
        // Whatever else it was asked for besides, this migration has what it needs.
    }
    Ok(())
}

/// Asks the registry that is meant.
pub(crate) async fn fetch(
    registries: &Registries,
    awaited: &Awaited,
    purpose: Purpose,
    clock: &dyn Clock,
) -> Result<(), RegistryError> {
    match registries.get(&awaited.registry) {
        Some(registry) => registry.fetch(awaited, purpose, clock).await,
        None => Err(RegistryError::without_answer(
            &awaited.registry,
            "the configuration has no such registry",
        )),
    }
}

/// The trouble of an answer after which the same thing is awaited as before it.
pub(crate) fn unhelpful(awaited: &Awaited) -> RegistryError {
    RegistryError::without_answer(
        &awaited.registry,
        "it has answered, and what it said cannot be used",
    )
}
