//! The in-process system passes, in every shape that it can take.

use dunlin_conformance::MemoryStand;

#[test]
fn a_log_in_memory_keeps_the_contract() {
    dunlin_conformance::run(&MemoryStand::new(&[])).at_least(37);
}

#[test]
fn a_queue_in_memory_keeps_the_contract() {
    dunlin_conformance::run(&MemoryStand::new(&[("mode", "queue")])).at_least(37);
}
