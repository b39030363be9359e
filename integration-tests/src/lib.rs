//! Routes between real systems.
