//! Kafka as a messaging system.
