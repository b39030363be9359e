//! The file system as a messaging system.
