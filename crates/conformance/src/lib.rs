//! The contract of a messaging system, executable.
