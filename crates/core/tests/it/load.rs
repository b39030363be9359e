//! Loading as others see it: a migration and its warnings, or findings.

use dunlin_core::migration::load::MemoryResolver;
use dunlin_core::migration::{LoadOptions, Migration};

fn customers() -> MemoryResolver {
    MemoryResolver::new().with("customers.yaml", "transformations: [{remove: name}]")
}

#[test]
fn the_lock_in_the_book_is_what_is_written() {
    let loaded = Migration::load("customers.yaml", &customers(), &LoadOptions::default()).unwrap();
    let page = include_str!("../../../../docs/decisions/texts.md");
    let lock = loaded.migration.lock().to_json();
    assert!(page.contains(&format!("```json\n{lock}```\n")), "{lock}");
}

#[test]
fn a_lock_is_used_if_it_is_there_and_asked_for() {
    let lock = Migration::load("customers.yaml", &customers(), &LoadOptions::default())
        .unwrap()
        .migration
        .lock();
    let changed = MemoryResolver::new()
        .with("customers.yaml", "transformations: [{remove: label}]")
        .with("customers.yaml.lock", lock.to_json());
    let findings = Migration::load("customers.yaml", &changed, &LoadOptions::default()).unwrap_err();
    assert_eq!(
        findings.sorted()[0].to_string(),
        "customers.yaml:1:20: error: `customers#1` was changed since the chain was locked"
    );
    assert!(
        Migration::load(
            "customers.yaml",
            &changed,
            &LoadOptions {
                lock: false,
                ..LoadOptions::default()
            }
        )
        .is_ok()
    );
    let longer = MemoryResolver::new()
        .with(
            "customers.yaml",
            "transformations: [{remove: name}, {remove: label}]",
        )
        .with("customers.yaml.lock", lock.to_json());
    assert!(
        Migration::load("customers.yaml", &longer, &LoadOptions::default())
            .unwrap()
            .warnings
            .is_empty()
    );
}

#[test]
fn a_removed_last_transformation_is_reported_at_the_lock() {
    let two = MemoryResolver::new().with(
        "customers.yaml",
        "transformations: [{remove: name}, {remove: label}]",
    );
    let lock = Migration::load("customers.yaml", &two, &LoadOptions::default())
        .unwrap()
        .migration
        .lock();
    let shorter = customers().with("customers.yaml.lock", lock.to_json());
    let findings = Migration::load("customers.yaml", &shorter, &LoadOptions::default()).unwrap_err();
    assert_eq!(
        findings.sorted()[0].to_string(),
        "customers.yaml.lock:7:5: error: `customers#2` was removed from the chain since the chain was locked"
    );
}
