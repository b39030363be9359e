//! The contract, held against files.
