//! The invariants of `docs/architecture.md` and the habits of the house, checked over the source.
//!
//! Each check is a function from a tree of files to findings. Each test runs it twice: over a few bad lines, where it
//! must find what is wrong, and over the project, where it must find nothing. A check that cannot fail proves nothing.

mod house;
mod manifest;
mod text;
mod tree;

use tree::{Finding, Tree};

/// A check that was seen to fail on `bad`, as often as `expected` says, finds nothing in the project.
#[track_caller]
fn holds(check: fn(&Tree) -> Vec<Finding>, bad: &[(&str, &str)], expected: &[&str]) {
    let seen: Vec<String> = check(&Tree::sample(bad))
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(seen, expected, "the check must find what is wrong in the sample");

    let findings: Vec<String> = check(Tree::project()).iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "in the project:\n{}", findings.join("\n"));
}

#[test]
fn core_names_no_broker_no_runtime_and_no_file() {
    holds(
        house::core_is_pure,
        &[
            (
                "crates/core/src/memory.rs",
                "// As Kafka does.\nuse tokio::sync::mpsc;\nlet a = std::fs::read(\"x\");\nstruct Kafka;",
            ),
            ("crates/core/src/memory/tests.rs", "use tokio::time;"),
            (
                "crates/core/Cargo.toml",
                "[dependencies]\nbytes = \"1\"\nasync-nats = \"1\"\n[dev-dependencies]\ntokio = \"1\"\n",
            ),
        ],
        &[
            "crates/core/src/memory.rs:2: core names `tokio`",
            "crates/core/src/memory.rs:3: core names `std::fs`",
            "crates/core/src/memory.rs:4: core names `kafka`",
            "crates/core/Cargo.toml:3: core depends on `async-nats`",
        ],
    );
}

#[test]
fn engine_and_contract_do_not_import_each_other() {
    holds(
        house::engine_and_contract_are_apart,
        &[
            (
                "crates/core/src/migration/op.rs",
                "use crate::message::Headers;\nuse crate::{error::Error, messaging::Sender};",
            ),
            (
                "crates/core/src/messaging.rs",
                "//! No migration here.\nfn f(m: &crate::migration::Migration) {}",
            ),
            ("crates/core/src/lib.rs", "pub use crate::migration::Migration;"),
        ],
        &[
            "crates/core/src/messaging.rs:2: `messaging` uses `migration`",
            "crates/core/src/migration/op.rs:2: `migration` uses `messaging`",
        ],
    );
}

#[test]
fn the_engine_asks_neither_clock_nor_chance_nor_environment() {
    holds(
        house::engine_is_deterministic,
        &[(
            "crates/core/src/migration/op/time.rs",
            "let now = jiff::Timestamp::now();\n// SystemTime::now is for others.",
        )],
        &["crates/core/src/migration/op/time.rs:1: the engine asks `Timestamp::now`"],
    );
}

#[test]
fn an_adapter_names_no_other_adapter_no_router_and_no_migration() {
    holds(
        house::adapters_know_core_only,
        &[
            ("adapters/file/Cargo.toml", ""),
            (
                "adapters/file/src/lib.rs",
                "use dunlin_redis::Config;\nuse dunlin_core::migration::Migration;",
            ),
            ("adapters/redis/Cargo.toml", ""),
            (
                "adapters/redis/src/lib.rs",
                "use dunlin_redis::Config;\nuse dunlin_router::Plan;",
            ),
        ],
        &[
            "adapters/file/src/lib.rs:1: an adapter names `dunlin_redis`",
            "adapters/file/src/lib.rs:2: an adapter names `migration`",
            "adapters/redis/src/lib.rs:2: an adapter names `dunlin_router`",
        ],
    );
}

#[test]
fn no_type_of_a_client_is_in_a_public_signature() {
    holds(
        house::clients_stay_inside,
        &[(
            "adapters/redis/src/sender.rs",
            "use redis::{aio::MultiplexedConnection, Client};\npub fn open(\n    client: Client,\n) -> u8 {\n    redis::cmd(\"PING\")\n}\n\
             pub(crate) fn inner(c: Client) {}\npub struct Sender {\n    pub connection: MultiplexedConnection,\n    inner: Client,\n}\n\
             pub const PLUGIN: Plugin = plugin();",
        )],
        &[
            "adapters/redis/src/sender.rs:2: a public signature shows `Client`",
            "adapters/redis/src/sender.rs:9: a public signature shows `MultiplexedConnection`",
        ],
    );
}

#[test]
fn the_router_never_matches_on_a_scheme() {
    holds(
        house::router_asks_no_scheme,
        &[(
            "crates/router/src/plan.rs",
            "if url.scheme() == name {}\nlet scheme = url.scheme();\n// Kafka has none.\nlet slow = system.contains(\"kafka\");\nmatch url.scheme() {}",
        )],
        &[
            "crates/router/src/plan.rs:1: the router decides by a scheme",
            "crates/router/src/plan.rs:4: the router names kafka",
            "crates/router/src/plan.rs:5: the router decides by a scheme",
        ],
    );
}

#[test]
fn dependencies_point_one_way() {
    holds(
        house::dependencies_point_one_way,
        &[
            (
                "crates/core/Cargo.toml",
                "[dependencies]\ndunlin-router.workspace = true",
            ),
            (
                "crates/cli/Cargo.toml",
                "[dependencies]\ndunlin-file.workspace = true\ndunlin-core.workspace = true",
            ),
            (
                "crates/router/Cargo.toml",
                "[dependencies]\ndunlin-file.workspace = true\n[dev-dependencies]\ndunlin-file.workspace = true",
            ),
            (
                "crates/servers/Cargo.toml",
                "[dependencies]\ndunlin-core.workspace = true",
            ),
            (
                "adapters/file/Cargo.toml",
                "[dependencies]\ndunlin-conformance.workspace = true",
            ),
        ],
        &[
            "crates/core/Cargo.toml:2: must not depend on `dunlin-router`",
            "crates/router/Cargo.toml:2: must not depend on `dunlin-file`",
            "crates/servers/Cargo.toml:2: must not depend on `dunlin-core`",
            "adapters/file/Cargo.toml:2: must not depend on `dunlin-conformance`",
        ],
    );
}

#[test]
fn adapters_have_the_same_files_in_the_same_order() {
    holds(
        house::adapters_are_twins,
        &[
            ("adapters/file/Cargo.toml", ""),
            ("adapters/file/README.md", ""),
            ("adapters/file/tests/conformance.rs", ""),
            (
                "adapters/file/src/lib.rs",
                "mod config;\nmod sender;\nmod error;\nmod headers;\nmod places;\nmod receiver;",
            ),
            ("adapters/file/src/config.rs", ""),
            ("adapters/file/src/receiver.rs", ""),
            ("adapters/file/src/sender.rs", ""),
            ("adapters/file/src/headers.rs", ""),
        ],
        &[
            "adapters/file/src/error.rs:0: every adapter has this file",
            "adapters/file/src/lib.rs:0: modules stand in the order [\"config\", \"error\", \"headers\", \"receiver\", \"sender\"], \
             here [\"config\", \"sender\", \"error\", \"headers\", \"receiver\"]",
        ],
    );
}

#[test]
fn systems_rs_is_the_only_file_that_asks_for_a_feature() {
    holds(
        house::features_stand_in_one_file,
        &[
            ("crates/cli/src/systems.rs", "#[cfg(feature = \"file\")]"),
            (
                "crates/cli/src/run.rs",
                "#[cfg(feature = \"file\")]\nuse dunlin_file::PLUGIN;",
            ),
        ],
        &["crates/cli/src/run.rs:1: only systems.rs asks for a feature"],
    );
}

#[test]
fn a_fifth_adapter_touches_at_most_four_lines_elsewhere() {
    holds(
        house::an_adapter_costs_four_lines,
        &[
            ("adapters/file/Cargo.toml", ""),
            ("adapters/redis/Cargo.toml", ""),
            (
                "Cargo.toml",
                "dunlin-file = { path = \"adapters/file\" }\ndunlin-redis = { path = \"adapters/redis\" }",
            ),
            (
                "crates/cli/Cargo.toml",
                "[features]\nfile = [\"dep:dunlin-file\"]\nredis = [\"dep:dunlin-redis\"]\n[dependencies]\ndunlin-file.workspace = true\n\
                 dunlin-redis.workspace = true\n[dev-dependencies]\ndunlin-file.workspace = true",
            ),
            (
                "crates/cli/src/systems.rs",
                "dunlin_file::PLUGIN\ndunlin_redis::PLUGIN",
            ),
            ("crates/cli/src/run.rs", "dunlin_redis::hello()"),
        ],
        &[
            "crates/cli/src/systems.rs:2: `dunlin-redis` is named in 5 lines outside its folder, at most 4: \
           [(\"Cargo.toml\", 2), (\"crates/cli/Cargo.toml\", 3), (\"crates/cli/Cargo.toml\", 6), \
           (\"crates/cli/src/run.rs\", 1), (\"crates/cli/src/systems.rs\", 2)]",
        ],
    );
}

#[test]
fn the_map_of_the_house_names_only_what_is_there() {
    holds(
        house::the_map_is_right,
        &[
            (
                "docs/architecture.md",
                "# Map\n```text\ncrates/\n  core/   the core\n    src/a.rs\n      src/b.rs\n  gone/\nxtask/\n```\n",
            ),
            ("crates/core/src/a.rs", ""),
            ("xtask/Cargo.toml", ""),
        ],
        &[
            "docs/architecture.md:6: there is no `crates/core/src/b.rs`",
            "docs/architecture.md:7: there is no `crates/gone/`",
        ],
    );
}

#[test]
fn no_comment_names_a_line_by_its_number() {
    holds(
        text::no_line_numbers_in_comments,
        &[(
            "crates/core/src/a.rs",
            concat!(
                "// As in b.rs",
                ":12.\n// Prints orders.yaml:14:7.\nlet a = \"b.rs",
                ":12\";"
            ),
        )],
        &["crates/core/src/a.rs:1: a comment names a line by its number"],
    );
}

#[test]
fn nothing_is_left_unfinished() {
    holds(
        text::nothing_unfinished,
        &[(
            "crates/core/src/a.rs",
            concat!(
                "fn a() { to",
                "do!() }\n#[ign",
                "ore]\nfn b() {} // TO",
                "DO later, \\u{XXXX}"
            ),
        )],
        &[
            concat!("crates/core/src/a.rs:1: left over: `to", "do!(`"),
            concat!("crates/core/src/a.rs:2: left over: `#[ign", "ore]`"),
            concat!("crates/core/src/a.rs:3: left over: `TO", "DO`"),
        ],
    );
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    holds(
        text::no_private_paths,
        &[(
            "docs/a.md",
            concat!(
                "see /ro",
                "ot/x\nsee https://example.org/ho",
                "me/x\nsee crates/wo",
                "rk/x"
            ),
        )],
        &[concat!("docs/a.md:1: a path of one machine: `/ro", "ot/`")],
    );
}

#[test]
fn the_project_speaks_of_itself_alone() {
    holds(
        text::no_foreign_words,
        &[(
            "docs/a.md",
            concat!("written by a language ", "model\nthe session of a system"),
        )],
        &[concat!(
            "docs/a.md:1: a word from outside the project: `language ",
            "model`"
        )],
    );
}

#[test]
fn every_package_takes_the_lints_of_the_workspace() {
    holds(
        text::lints_are_inherited,
        &[
            ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n"),
            (
                "crates/b/Cargo.toml",
                "[package]\nname = \"b\"\n\n[lints]\nworkspace = true\n",
            ),
            ("bench/c/Cargo.toml", "[package]\nname = \"c\"\n\n[workspace]\n"),
        ],
        &["crates/a/Cargo.toml:0: the lints of the workspace are not inherited"],
    );
}

#[test]
fn a_package_has_one_binary_of_integration_tests() {
    holds(
        text::one_test_binary_per_package,
        &[
            ("crates/a/Cargo.toml", ""),
            ("crates/a/tests/it/main.rs", ""),
            ("crates/a/tests/it/more.rs", ""),
            ("crates/a/tests/other.rs", ""),
        ],
        &["crates/a/tests/other.rs:0: a second test binary beside crates/a/tests/it/main.rs"],
    );
}

#[test]
fn names_of_tests_are_sentences() {
    holds(
        text::tests_are_named_as_sentences,
        &[(
            "crates/a/src/tests.rs",
            "#[test]\nfn test_that_it_works() {}\n#[test]\nfn a_lost_message_comes_again() {}\nfn test_helper() {}",
        )],
        &["crates/a/src/tests.rs:2: `test_that_it_works` is no sentence"],
    );
}

#[test]
fn no_package_changes_how_numbers_are_read() {
    holds(
        text::numbers_are_not_retyped,
        &[(
            "crates/a/Cargo.toml",
            concat!(
                "# arbitrary",
                "_precision is forbidden\nserde_json = { features = [\"arbitrary",
                "_precision\"] }"
            ),
        )],
        &["crates/a/Cargo.toml:2: this feature changes numbers in the whole binary"],
    );
    // The feature may also come in through somebody else's crate. Then this number would keep its text.
    let large: serde_json::Value = serde_json::from_str("18446744073709551616").expect("a number");
    assert_ne!(large.to_string(), "18446744073709551616");
}

/// Sizes are a matter of taste, so they are printed and not judged.
#[test]
fn sizes_of_files_are_printed() {
    let project = Tree::project();
    let sizes = text::sizes(project);
    let total: usize = sizes.iter().map(|(lines, _)| lines).sum();
    println!("{} files, {total} lines without tests; the longest:", sizes.len());
    for (lines, path) in sizes.iter().take(15) {
        println!("{lines:6}  {path}");
    }
    assert!(total > 0, "the project has source files");
}
