//! The router's tests from outside: what a program that uses the library sees.

mod config;
mod plan;
