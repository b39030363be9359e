//! Who may know whom: the rules of `docs/architecture.md`.

use super::manifest::{Manifest, dependencies};
use super::tree::{Finding, Line, Tree};

/// Names of brokers, and of the crates that speak to them.
const BROKERS: [&str; 9] = [
    "amqp", "rabbitmq", "lapin", "nats", "kafka", "rdkafka", "redis", "mqtt", "pulsar",
];
/// Crates whose types stay inside the adapter that uses them.
const CLIENTS: [&str; 4] = ["lapin", "async_nats", "rdkafka", "redis"];
/// Async runtimes, and the parts of the standard library that open files and sockets.
const OUTSIDE: [&str; 6] = [
    "tokio",
    "async_std",
    "smol",
    "std::fs",
    "std::net",
    "std::process",
];

/// `core` names no broker, starts no runtime, opens no file: neither in its code nor among its dependencies.
pub(super) fn core_is_pure(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, lines) in tree.product("crates/core/src/") {
        for line in lines {
            let code = line.code.to_lowercase();
            for name in BROKERS.iter().chain(&OUTSIDE) {
                if has_word(&code, name) {
                    findings.push(Finding::new(path, line.number, format!("core names `{name}`")));
                }
            }
        }
    }
    for dependency in dependencies(tree, "crates/core", Manifest::Product) {
        if BROKERS
            .iter()
            .chain(&OUTSIDE)
            .any(|name| dependency.name.replace('-', "_").contains(name))
        {
            findings.push(Finding::new(
                "crates/core/Cargo.toml",
                dependency.line,
                format!("core depends on `{}`", dependency.name),
            ));
        }
    }
    findings
}

/// Inside `core`, the engine does not import the contract, and nothing of the contract imports the engine.
///
/// `source` reads the texts of migrations and belongs to the engine; `finding` and `message` are common ground.
pub(super) fn engine_and_contract_are_apart(tree: &Tree) -> Vec<Finding> {
    const ENGINE: [&str; 2] = ["migration", "source"];
    const CONTRACT: [&str; 6] = [
        "messaging",
        "registry",
        "memory",
        "ledger",
        "capability",
        "settings",
    ];
    const COMMON: [&str; 2] = ["lib", "finding"];
    let mut findings = Vec::new();
    for (path, lines) in tree.product("crates/core/src/") {
        let name = path.trim_start_matches("crates/core/src/");
        let part = name.split(['/', '.']).next().unwrap_or_default();
        let forbidden: &[&str] = match part {
            part if COMMON.contains(&part) => continue,
            part if ENGINE.contains(&part) => &CONTRACT,
            _ => &ENGINE,
        };
        for line in lines {
            for module in forbidden.iter().filter(|module| imports(&line.code, module)) {
                findings.push(Finding::new(
                    path,
                    line.number,
                    format!("`{part}` uses `{module}`"),
                ));
            }
        }
    }
    findings
}

/// Whether a line names `module` of the own crate, in a `use` or in a path.
fn imports(code: &str, module: &str) -> bool {
    ["crate", "super", "dunlin_core"].iter().any(|root| {
        code.match_indices(&format!("{root}::")).any(|(start, found)| {
            let rest = &code[start + found.len()..];
            let rest = rest.trim_start_matches("super::");
            let names = rest.strip_prefix('{').unwrap_or(rest);
            let first_of = |part: &str| part.trim().split([':', '}', ';', ' ']).next() == Some(module);
            if rest.starts_with('{') {
                names.split(',').any(first_of)
            } else {
                first_of(names)
            }
        })
    })
}

/// The engine gives the same bytes on every machine: it asks neither the clock, nor chance, nor the environment.
pub(super) fn engine_is_deterministic(tree: &Tree) -> Vec<Finding> {
    const SOURCES: [&str; 8] = [
        "SystemTime::now",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
        "TimeZone::system",
        "std::env",
        "rand::",
        "RandomState",
    ];
    let mut findings = Vec::new();
    for (path, lines) in tree.product("crates/core/src/migration") {
        for line in lines {
            for source in SOURCES {
                if line.code.contains(source) {
                    findings.push(Finding::new(
                        path,
                        line.number,
                        format!("the engine asks `{source}`"),
                    ));
                }
            }
        }
    }
    findings
}

/// An adapter knows `core`: no other adapter, no route, no migration.
pub(super) fn adapters_know_core_only(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let adapters = tree.packages("adapters/");
    for adapter in &adapters {
        let others = adapters.iter().filter(|other| *other != adapter);
        let forbidden: Vec<String> = others
            .map(|other| format!("dunlin_{other}"))
            .chain([
                "dunlin_router".into(),
                "dunlin_schemas".into(),
                "migration".into(),
            ])
            .collect();
        for (path, lines) in tree.product(&format!("adapters/{adapter}/src/")) {
            for line in lines {
                for name in forbidden.iter().filter(|name| has_word(&line.code, name)) {
                    findings.push(Finding::new(
                        path,
                        line.number,
                        format!("an adapter names `{name}`"),
                    ));
                }
            }
        }
    }
    findings
}

/// The types of a client library appear in no public signature of the adapter that uses it.
pub(super) fn clients_stay_inside(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, lines) in tree.product("adapters/") {
        let imported = imported_from_clients(&lines);
        for item in public_items(&lines) {
            for name in CLIENTS.iter().copied().chain(imported.iter().map(String::as_str)) {
                if has_word(&item.text, name) {
                    findings.push(Finding::new(
                        path,
                        item.line,
                        format!("a public signature shows `{name}`"),
                    ));
                }
            }
        }
    }
    findings
}

struct Item {
    line: usize,
    text: String,
}

/// The signatures of everything marked `pub`, each up to its body or its end.
fn public_items(lines: &[Line]) -> Vec<Item> {
    let mut items = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let start = line.code.trim_start();
        if !start.starts_with("pub ") || start.starts_with("pub use ") || start.starts_with("pub mod ") {
            continue;
        }
        let mut text = String::new();
        for line in &lines[index..] {
            text.push_str(&line.code);
            text.push(' ');
            if line.code.contains(['{', ';']) || line.code.trim_end().ends_with(',') && !text.contains('(') {
                break;
            }
        }
        let end = text.find(['{', ';']).unwrap_or(text.len());
        text.truncate(end);
        items.push(Item {
            line: line.number,
            text,
        });
    }
    items
}

/// Names that a file imports from a client library, by `use`.
fn imported_from_clients(lines: &[Line]) -> Vec<String> {
    let code: String = lines.iter().map(|line| format!("{}\n", line.code)).collect();
    let mut names = Vec::new();
    for statement in code.split(';') {
        let Some(path) = statement.trim().strip_prefix("use ") else {
            continue;
        };
        if !CLIENTS
            .iter()
            .any(|client| path.starts_with(&format!("{client}::")))
        {
            continue;
        }
        for part in path.split([',', '{', '}']) {
            let name = part.trim().rsplit([' ', ':']).next().unwrap_or_default();
            if name.starts_with(char::is_uppercase) {
                names.push(name.to_owned());
            }
        }
    }
    names
}

/// The router asks what a system can do, never which system it is.
pub(super) fn router_asks_no_scheme(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, lines) in tree.product("crates/router/src/") {
        for line in lines {
            let code = &line.code;
            let decides = ["==", "!=", "match ", "matches!", "if let"]
                .iter()
                .any(|word| code.contains(word));
            if has_word(code, "scheme") && decides {
                findings.push(Finding::new(path, line.number, "the router decides by a scheme"));
            }
            let named = BROKERS.iter().find(|name| has_word(&code.to_lowercase(), name));
            let adapter = ["\"memory\"", "\"memory:", "dunlin_file"]
                .into_iter()
                .find(|name| code.contains(name));
            if let Some(name) = named.copied().or(adapter) {
                findings.push(Finding::new(
                    path,
                    line.number,
                    format!("the router names {name}"),
                ));
            }
        }
    }
    findings
}

/// Dependencies point one way: `cli → router → {core, schemas}`, and everything else to `core`.
pub(super) fn dependencies_point_one_way(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let adapters: Vec<String> = tree
        .packages("adapters/")
        .iter()
        .map(|name| format!("dunlin-{name}"))
        .collect();
    let folders = (tree
        .packages("crates/")
        .into_iter()
        .map(|name| format!("crates/{name}")))
    .chain(
        tree.packages("adapters/")
            .into_iter()
            .map(|name| format!("adapters/{name}")),
    )
    .chain(["xtask".to_owned()]);
    for folder in folders {
        let may_know = |name: &str| match folder.as_str() {
            "crates/core" | "crates/servers" => false,
            "xtask" => name == "dunlin-servers",
            "crates/router" => ["dunlin-core", "dunlin-schemas"].contains(&name),
            "crates/cli" => {
                ["dunlin-core", "dunlin-router", "dunlin-schemas"].contains(&name)
                    || adapters.iter().any(|adapter| adapter == name)
            }
            _ => name == "dunlin-core",
        };
        for dependency in dependencies(tree, &folder, Manifest::Product) {
            if dependency.name.starts_with("dunlin") && !may_know(&dependency.name) {
                findings.push(Finding::new(
                    &format!("{folder}/Cargo.toml"),
                    dependency.line,
                    format!("must not depend on `{}`", dependency.name),
                ));
            }
        }
    }
    findings
}

/// Adapters are twins: the same files, declared in the same order, which is the one that rustfmt sorts them into.
pub(super) fn adapters_are_twins(tree: &Tree) -> Vec<Finding> {
    const MODULES: [&str; 5] = ["config", "error", "headers", "receiver", "sender"];
    let mut findings = Vec::new();
    for adapter in tree.packages("adapters/") {
        let folder = format!("adapters/{adapter}");
        // Where there are more tests than one file holds, they are one binary called `it`.
        for names in [
            &["README.md"][..],
            &["tests/conformance.rs", "tests/it/conformance.rs"],
        ] {
            let paths: Vec<String> = names.iter().map(|name| format!("{folder}/{name}")).collect();
            if paths.iter().all(|path| tree.text(path).is_none()) {
                findings.push(Finding::new(&paths[0], 0, "every adapter has this file"));
            }
        }
        for module in MODULES {
            let path = format!("{folder}/src/{module}.rs");
            if tree.text(&path).is_none() {
                findings.push(Finding::new(&path, 0, "every adapter has this file"));
            }
        }
        let library = format!("{folder}/src/lib.rs");
        let declared: Vec<&str> = tree
            .text(&library)
            .unwrap_or_default()
            .lines()
            .filter_map(|line| {
                line.trim_start_matches("pub ")
                    .strip_prefix("mod ")?
                    .strip_suffix(';')
            })
            .filter(|module| MODULES.contains(module))
            .collect();
        if declared != MODULES {
            findings.push(Finding::new(
                &library,
                0,
                format!("modules stand in the order {MODULES:?}, here {declared:?}"),
            ));
        }
    }
    findings
}

/// `systems.rs` of the command line is the only file that is compiled differently for a system.
pub(super) fn features_stand_in_one_file(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for folder in ["crates/", "integration-tests/src/"] {
        for (path, lines) in tree.product(folder) {
            if path == "crates/cli/src/systems.rs" {
                continue;
            }
            for line in lines {
                let code = line.code.replace(' ', "");
                if code.contains("feature=\"")
                    && (code.contains("cfg(") || code.contains("cfg!(") || code.contains("cfg_attr("))
                {
                    findings.push(Finding::new(
                        path,
                        line.number,
                        "only systems.rs asks for a feature",
                    ));
                }
            }
        }
    }
    findings
}

/// An adapter is named in at most four lines of the product outside its own folder.
pub(super) fn an_adapter_costs_four_lines(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for adapter in tree.packages("adapters/") {
        let crate_name = format!("dunlin-{adapter}");
        let mut places: Vec<(String, usize)> = Vec::new();
        if let Some(root) = tree.text("Cargo.toml") {
            let names = [crate_name.clone(), format!("adapters/{adapter}")];
            for (number, line) in (1..).zip(root.lines()) {
                if names.iter().any(|name| has_word(line, name)) {
                    places.push(("Cargo.toml".into(), number));
                }
            }
        }
        for folder in [
            "crates/core",
            "crates/schemas",
            "crates/router",
            "crates/cli",
            "crates/conformance",
        ] {
            let manifest = format!("{folder}/Cargo.toml");
            let of_tests: Vec<usize> = dependencies(tree, folder, Manifest::Tests)
                .into_iter()
                .map(|dependency| dependency.line)
                .collect();
            for (number, line) in (1..).zip(tree.text(&manifest).unwrap_or_default().lines()) {
                // Handing on a feature that the adapter has is a choice for people, and no part of the wiring.
                let hands_on = line.contains(&format!("\"{crate_name}/"));
                if has_word(line, &crate_name) && !hands_on && !of_tests.contains(&number) {
                    places.push((manifest.clone(), number));
                }
            }
            for (path, lines) in tree.product(&format!("{folder}/src/")) {
                let named = lines
                    .iter()
                    .filter(|line| has_word(&line.code, &crate_name.replace('-', "_")));
                // The gate of a line is part of that line.
                places.extend(named.map(|line| (path.to_owned(), line.number)));
            }
        }
        if places.len() > 4 {
            let (file, line) = places[4].clone();
            findings.push(Finding::new(
                &file,
                line,
                format!(
                    "`{crate_name}` is named in {} lines outside its folder, at most 4: {places:?}",
                    places.len()
                ),
            ));
        }
    }
    findings
}

/// The map in `docs/architecture.md` names nothing that is not there.
pub(super) fn the_map_is_right(tree: &Tree) -> Vec<Finding> {
    const MAP: &str = "docs/architecture.md";
    let mut findings = Vec::new();
    let mut folders: Vec<(usize, String)> = Vec::new();
    let lines = (1..).zip(tree.text(MAP).unwrap_or_default().lines());
    let in_map = lines
        .skip_while(|(_, line)| *line != "```text")
        .skip(1)
        .take_while(|(_, line)| *line != "```");
    for (number, line) in in_map {
        let indent = line.len() - line.trim_start().len();
        let name = line.split_whitespace().next().unwrap_or_default();
        // The folder around a line is the nearest one that is indented less and ends in a slash.
        folders.retain(|(around, _)| *around < indent);
        let path = format!("{}{name}", folders.last().map_or("", |(_, folder)| folder));
        if name.ends_with('/') && !name.starts_with("src/") {
            folders.push((indent, path.clone()));
        }
        if !tree
            .files()
            .any(|(file, _)| file == path || path.ends_with('/') && file.starts_with(&path))
        {
            findings.push(Finding::new(MAP, number, format!("there is no `{path}`")));
        }
    }
    findings
}

/// Whether `word` stands in `text` by itself, not as a part of a longer name.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    let part_of_name = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-');
    text.match_indices(word).any(|(start, found)| {
        !part_of_name(text[..start].chars().next_back())
            && !part_of_name(text[start + found.len()..].chars().next())
    })
}
