//! The in-process system passes, in every shape that it can take.

use dunlin_conformance::{MemoryStand, Suite};

#[test]
fn a_log_in_memory_keeps_the_contract() {
    dunlin_conformance::run(&MemoryStand::new(&[])).at_least(37);
}

#[test]
fn a_queue_in_memory_keeps_the_contract() {
    dunlin_conformance::run(&MemoryStand::new(&[("mode", "queue")])).at_least(37);
}

/// Everything but the two scenarios that take seconds each and depend on no capability.
const QUICK: [&str; 34] = [
    "K1", "K2", "K3", "K4", "K5", "K6", "K7", "K8", "K9", "K10", "C01", "C02", "C03", "C04", "C07", "C08",
    "C09", "C10", "C11", "C12", "C13", "C14", "C15", "C16", "C18", "C20", "C21", "C22", "C23", "C24", "C26",
    "C30", "C31", "C32",
];

/// A setting, and how many of those pass with it: what is missing is skipped for the lack of that capability.
const SHAPES: [(&str, &str, usize); 13] = [
    ("header_values", "text", 34),
    ("header_values", "none", 33),
    ("capabilities", "-ordered_lanes", 32),
    ("capabilities", "-ordered_redelivery", 33),
    ("capabilities", "-ordered_batches", 34),
    ("capabilities", "-delayed_retry", 34),
    ("capabilities", "-broker_reject", 34),
    ("capabilities", "-confirms", 27),
    ("capabilities", "-dedup_by_id", 34),
    ("capabilities", "-stable_position", 33),
    ("lanes", "4", 34),
    ("unsettled_limit", "100", 34),
    ("batch_limit", "10", 34),
];

#[test]
fn the_contract_is_kept_in_every_shape() {
    let broken = |mode: &str, (name, value, passes): (&str, &str, usize)| {
        let stand = MemoryStand::new(&[("mode", mode), (name, value)]);
        let report = Suite::new().quietly().repeats(1).only(QUICK).run(&stand);
        (!report.failed().is_empty() || report.passed() < passes).then(|| report.to_string())
    };
    for mode in ["log", "queue"] {
        // Most of the time goes into waiting until nothing comes, so all shapes wait at the same time.
        let broken: Vec<String> = std::thread::scope(|scope| {
            let running: Vec<_> = (SHAPES.iter())
                .map(|shape| scope.spawn(|| broken(mode, *shape)))
                .collect();
            running
                .into_iter()
                .filter_map(|one| one.join().unwrap())
                .collect()
        });
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }
}
