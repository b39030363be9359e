//! What an adapter gets to see of the configuration.

use std::sync::{Arc, Mutex};

use dunlin_core::capability::Capabilities;
use dunlin_core::error::Result;
use dunlin_core::memory;
use dunlin_core::messaging::MessagingSystem;
use dunlin_core::registry::{Facts, Opening, Plugin, Registry};
use dunlin_core::settings::{SettingFact, Settings};
use dunlin_router::plan::Plan;

use crate::project::{Project, clock};

/// The settings that the probe was opened with, by the names of systems: tests run beside each other.
static SEEN: Mutex<Vec<(String, String, Settings)>> = Mutex::new(Vec::new());

const fn fact(name: &'static str, at_end: bool) -> SettingFact {
    SettingFact {
        name,
        default: "none",
        meaning: "For this test.",
        at_end,
    }
}

/// A system that remembers what it was opened with, and is memory beside that.
const PROBE: Plugin = Plugin {
    scheme: "probe",
    secure_scheme: None,
    open: |opening: &Opening<'_>| -> Result<Arc<dyn MessagingSystem>> {
        SEEN.lock().unwrap().push((
            opening.name.to_owned(),
            opening.base.to_owned(),
            opening.settings.clone(),
        ));
        let inner = Opening {
            url: "memory:probe",
            settings: &Settings::new(),
            ..*opening
        };
        (memory::PLUGIN.open)(&inner)
    },
    facts: &Facts {
        title: "a probe",
        example: "probe:x",
        channel: "anything",
        capabilities: Capabilities::NONE,
        conditions: &[],
        carries: &[],
        settings: &[
            fact("user", false),
            fact("password", false),
            fact("color", false),
            fact("lanes", true),
        ],
    },
};

fn plan(project: &Project) -> Result<Plan, String> {
    let mut registry = Registry::new();
    registry.add(PROBE).unwrap();
    Plan::read(&project.sources, &registry, &clock()).map_err(|findings| findings.render())
}

fn seen(name: &str) -> (String, Settings) {
    let seen = SEEN.lock().unwrap();
    let (_, base, settings) = seen.iter().rfind(|(seen, ..)| seen == name).unwrap();
    (base.clone(), settings.clone())
}

#[test]
fn user_password_and_settings_reach_the_adapter_and_a_rotated_password_too() {
    let project = Project::new(
        "\
systems:
  credentials: { url: 'probe:x', user: me, password: '${file:secret}', settings: { color: 7 } }
  literal: { url: 'probe:x', password: canary }
routes: {}
",
    )
    .file("secret", "one\n");
    plan(&project).unwrap();
    let (base, settings) = seen("credentials");
    assert_eq!(base, project.folder.path().display().to_string());
    let get = |name: &str| settings.get(name).unwrap();
    assert_eq!(
        (get("user"), get("color")),
        (Some("me".to_owned()), Some("7".to_owned()))
    );
    assert_eq!(get("password").as_deref(), Some("one"));
    let project = project.file("secret", "two\n");
    assert_eq!(get("password").as_deref(), Some("two"));
    drop(project);
    assert!(
        settings.get("password").is_err(),
        "a secret that cannot be read is an error, not an empty one"
    );
    assert_eq!(
        seen("literal").1.get("password").unwrap().as_deref(),
        Some("canary")
    );
}

#[test]
fn a_setting_of_the_system_alone_is_refused_at_an_end() {
    let project = Project::new(
        "systems: { p: { url: 'probe:x' } }\nroutes: { r: { from: p/a, to: { channel: p/b, settings: { color: 1 } } } }\n",
    );
    let error = plan(&project).unwrap_err();
    assert!(
        error.contains("the setting `color` of a probe can stand under `systems` only"),
        "{error}"
    );
}

#[test]
fn an_identity_that_is_given_is_that_of_the_deduplication_ids() {
    let text = |identity: &str| {
        format!(
            "systems: {{ p: {{ url: 'probe:x'{identity} }} }}\n\
             routes: {{ r: {{ from: {{ channel: p/a, start: earliest }}, to: p/b }} }}\n"
        )
    };
    let of = |identity: &str| {
        plan(&Project::new(&text(identity))).unwrap().routes[0]
            .from
            .clone()
    };
    let own = of("");
    assert_eq!(own.identity, own.resolved.identity);
    assert_eq!(of(", identity: kept").identity, "kept");
}

#[test]
fn the_secrets_of_the_configuration_are_those_of_the_routes() {
    let project = Project::new(
        "systems: { p: { url: 'probe:x' } }\nsecrets: { salt: \"${SALT:-canary}\" }\n\
         routes: { r: { from: { channel: p/a, start: earliest }, to: p/b } }\n",
    );
    let plan = plan(&project).unwrap();
    let secrets = &plan.routes[0].secrets;
    assert_eq!(secrets.names().collect::<Vec<_>>(), ["salt"]);
    assert_eq!(secrets.read("salt").unwrap().as_deref(), Some("canary"));
    assert!(!format!("{plan:?}").contains("canary"));
}
