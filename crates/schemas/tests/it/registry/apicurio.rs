//! A real registry: what is registered is found again, and nothing is registered that nobody asked for.

use std::sync::Arc;

use dunlin_core::migration::{Awaited, RegistryVersion, SchemaFormat, SchemaReference};
use dunlin_schemas::registry::{Known, Purpose, Registry, RegistryError, Standing, Trouble};
use dunlin_servers::{Kind, left_out, shared};
use serde_json::{Value, json};

use super::stand::{Hurried, ask_for, file, registry, version};

const ORDER: &str = r#"{"type":"record","name":"Order","fields":[{"name":"n","type":"long"}]}"#;
const WIDER: &str = r#"{"type":"record","name":"Order","fields":[{"name":"n","type":"long"},{"name":"m","type":"string","default":""}]}"#;
const OTHER: &str = r#"{"type":"record","name":"Order","fields":[{"name":"x","type":"string"}]}"#;

/// The address of the registry; none where this run does without one.
async fn url() -> Option<String> {
    if left_out(Kind::Registry) {
        println!("skipped: {} was left out", Kind::Registry);
        return None;
    }
    Some(shared(Kind::Registry).await.unwrap().url())
}

/// Talks to the registry as somebody else would.
async fn tell(url: &str, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client.request(method.parse().unwrap(), format!("{url}/{path}"));
    if let Some(body) = body {
        request = request
            .header("content-type", "application/vnd.schemaregistry.v1+json")
            .body(body.to_string());
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn register(url: &str, subject: &str, body: Value) -> u32 {
    let (status, answer) = tell(url, "POST", &format!("subjects/{subject}/versions"), Some(body)).await;
    assert_eq!(status, 200, "{answer}");
    u32::try_from(answer["id"].as_u64().unwrap()).unwrap()
}

async fn versions(url: &str, subject: &str) -> Value {
    tell(url, "GET", &format!("subjects/{subject}/versions"), None)
        .await
        .1
}

async fn find(
    registry: &Registry,
    reference: &SchemaReference,
    text: Option<&str>,
    purpose: Purpose,
) -> Result<Standing, RegistryError> {
    registry.cache().expect(reference, text.map(str::to_owned));
    let looked = registry.look(purpose, &Hurried::default()).await;
    let mut all = looked.into_iter();
    all.find(|looked| looked.reference == *reference)
        .unwrap()
        .standing
}

#[tokio::test]
async fn a_schema_of_each_language_is_registered_once_and_found_by_text_version_and_id() {
    let Some(url) = url().await else { return };
    for (format, subject, text) in [
        (SchemaFormat::Avro, "each-avro", ORDER),
        (
            SchemaFormat::JsonSchema,
            "each-json",
            r#"{"type":"object","properties":{"n":{"type":"integer"}}}"#,
        ),
        (
            SchemaFormat::Protobuf,
            "each-protobuf",
            "syntax = \"proto3\";\nmessage Order {\n  int64 n = 1;\n}\n",
        ),
    ] {
        let first = registry(&url);
        let told = file(format, subject, true);
        let standing = find(&first, &told, Some(text), Purpose::Run).await.unwrap();
        let Standing::Registered(id) = standing else {
            panic!("{subject} was not registered");
        };
        assert_eq!(versions(&url, subject).await, json!([1]), "{subject}");

        let second = registry(&url);
        let looked_up = file(format, subject, false);
        let found = find(&second, &looked_up, Some(text), Purpose::Run).await.unwrap();
        assert_eq!(found, Standing::Registered(id), "{subject}: by its text");
        for named in [RegistryVersion::Number(1), RegistryVersion::Latest] {
            let by_version = version(format, subject, named);
            let found = find(&second, &by_version, None, Purpose::Run).await.unwrap();
            assert_eq!(found, Standing::Registered(id), "{subject}: {named:?}");
        }
        let third = registry(&url);
        ask_for(&third, id, &Hurried::default()).await.unwrap();
        let Some(Known::Schema(schema)) = third.cache().writer(id) else {
            panic!("{subject} has no schema by its id");
        };
        assert_eq!((schema.id, schema.format), (id, format));
        assert_eq!(
            versions(&url, subject).await,
            json!([1]),
            "{subject}: nothing was added"
        );
    }
}

#[tokio::test]
async fn nothing_is_registered_unless_it_is_said() {
    let Some(url) = url().await else { return };
    let silent = file(SchemaFormat::Avro, "silent", false);
    let error = find(&registry(&url), &silent, Some(ORDER), Purpose::Run)
        .await
        .unwrap_err();
    assert_eq!(error.trouble(), Trouble::Unknown);
    let told = file(SchemaFormat::Avro, "silent", true);
    let looked = find(&registry(&url), &told, Some(ORDER), Purpose::Look)
        .await
        .unwrap();
    assert_eq!(looked, Standing::ToBeRegistered);
    let missing = version(SchemaFormat::Avro, "silent", RegistryVersion::Latest);
    assert!(find(&registry(&url), &missing, None, Purpose::Run).await.is_err());
    let (status, _) = tell(&url, "GET", "subjects/silent/versions", None).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_compatible_schema_becomes_the_next_version_and_an_incompatible_one_is_refused() {
    let Some(url) = url().await else { return };
    let id = register(&url, "grown", json!({"schema": ORDER})).await;
    let (status, _) = tell(
        &url,
        "PUT",
        "config/grown",
        Some(json!({"compatibility": "BACKWARD"})),
    )
    .await;
    assert_eq!(status, 200);
    // What the registry itself says to such a schema.
    let (status, _) = tell(
        &url,
        "POST",
        "subjects/grown/versions",
        Some(json!({"schema": OTHER})),
    )
    .await;
    assert_eq!(status, 409);

    let told = file(SchemaFormat::Avro, "grown", true);
    let error = find(&registry(&url), &told, Some(OTHER), Purpose::Run)
        .await
        .unwrap_err();
    assert_eq!(error.trouble(), Trouble::Incompatible, "{error}");
    assert!(error.to_string().contains("BACKWARD"), "{error}");
    let looked = find(&registry(&url), &told, Some(OTHER), Purpose::Look)
        .await
        .unwrap_err();
    assert_eq!(
        looked.trouble(),
        Trouble::Incompatible,
        "known before anything starts"
    );

    let grown = find(&registry(&url), &told, Some(WIDER), Purpose::Run)
        .await
        .unwrap();
    assert_ne!(grown, Standing::Registered(id));
    assert_eq!(versions(&url, "grown").await, json!([1, 2]));
    // A version that is named is that version, whatever came later.
    let first = version(SchemaFormat::Avro, "grown", RegistryVersion::Number(1));
    let found = find(&registry(&url), &first, None, Purpose::Run).await.unwrap();
    assert_eq!(found, Standing::Registered(id));
}

#[tokio::test]
async fn what_a_schema_refers_to_comes_with_it() {
    let Some(url) = url().await else { return };
    let money = "syntax = \"proto3\";\npackage shop;\nmessage Money {\n  int64 cents = 1;\n}\n";
    register(
        &url,
        "money.proto",
        json!({"schema": money, "schemaType": "PROTOBUF"}),
    )
    .await;
    let order = "syntax = \"proto3\";\npackage shop;\nimport \"money.proto\";\nmessage Order {\n  Money total = 1;\n}\n";
    let references = json!([{"name": "money.proto", "subject": "money.proto", "version": 1}]);
    let body = json!({"schema": order, "schemaType": "PROTOBUF", "references": references});
    let id = register(&url, "order-with-money", body).await;

    let registry = registry(&url);
    ask_for(&registry, id, &Hurried::default()).await.unwrap();
    let Some(Known::Schema(schema)) = registry.cache().writer(id) else {
        panic!("no schema by its id");
    };
    assert_eq!(schema.references.len(), 1);
    assert_eq!(schema.references[0].name, "money.proto");
    assert!(schema.references[0].text.contains("message Money"));

    let by_version = version(
        SchemaFormat::Protobuf,
        "order-with-money",
        RegistryVersion::Number(1),
    );
    find(&registry, &by_version, None, Purpose::Run).await.unwrap();
    assert_eq!(registry.cache().own(&by_version).unwrap().references.len(), 1);
}

#[tokio::test]
async fn an_id_that_nobody_gave_is_known_to_be_of_no_schema() {
    let Some(url) = url().await else { return };
    let registry = registry(&url);
    ask_for(&registry, 400_000_000, &Hurried::default())
        .await
        .unwrap();
    assert!(matches!(
        registry.cache().writer(400_000_000),
        Some(Known::Missing)
    ));
}

#[tokio::test]
async fn at_the_root_of_the_server_there_is_no_registry() {
    let Some(url) = url().await else { return };
    let root = url.split("/apis").next().unwrap();
    let awaited = Awaited {
        registry: Arc::from("main"),
        id: Some(1),
    };
    let registry = registry(root);
    let error = registry
        .fetch(&awaited, Purpose::Run, &Hurried::default())
        .await
        .unwrap_err();
    assert_eq!(error.trouble(), Trouble::Answer, "{error}");
    assert!(registry.cache().writer(1).is_none());
}
