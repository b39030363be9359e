//! The router's tests from outside: what a program that uses the library sees.

// Helpers of tests are not inside a `#[test]`, where unwrapping is allowed: a panic is how a test fails.
#![allow(clippy::unwrap_used)]

mod check;
mod config;
mod dry_run;
mod migrations;
mod plan;
mod project;
mod route;
mod settings;
