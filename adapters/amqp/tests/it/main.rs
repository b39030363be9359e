//! The adapter against a real RabbitMQ.

mod conformance;
