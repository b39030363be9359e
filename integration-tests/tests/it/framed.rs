//! Messages in the wire format of Confluent's clients, through a broker and a registry that are both real.
//!
//! The source's payloads are made here byte by byte, and the target's are read so: the header of the wire format, the id
//! that the registry itself tells, the indexes of a Protobuf message, and what follows.

use anyhow::{Context as _, Result, ensure};
use dunlin_integration_tests::skipped;
use dunlin_servers::{Kind, LEFT_OUT, left_out, shared};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::pairs::broker::{Broker, open, systems};
use crate::pairs::item::Item;
use crate::pairs::running::{block_on, project, run_until};

/// A registry that is asked past Dunlin.
struct Registry {
    url: String,
}

impl Registry {
    /// The shared registry; none where a run of the tests does without, which is told.
    async fn open() -> Result<Option<Self>> {
        if left_out(Kind::Registry) {
            skipped(&format!("routes with a registry: {LEFT_OUT} names it"));
            return Ok(None);
        }
        let url = shared(Kind::Registry).await?.url();
        Ok(Some(Self { url }))
    }

    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let rest = self.url.strip_prefix("http://").context("a plain registry")?;
        let (host, base) = rest.split_once('/').context("a registry below a path")?;
        let body = body.map(ToString::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(host).await?;
        let question = format!(
            "{method} /{base}/{path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/vnd.schemaregistry.v1+json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(question.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8(answer)?;
        let (head, content) = answer.split_once("\r\n\r\n").context("a whole answer")?;
        let status = head.split(' ').nth(1).context("a status")?.parse()?;
        Ok((status, serde_json::from_str(content).unwrap_or(Value::Null)))
    }

    /// Registers a schema as its writer would, and says its id.
    async fn register(&self, subject: &str, language: &str, schema: &str) -> Result<u32> {
        let body = json!({"schemaType": language, "schema": schema});
        let path = format!("subjects/{subject}/versions");
        let (status, answer) = self.ask("POST", &path, Some(&body)).await?;
        ensure!(status == 200, "{status}: {answer}");
        id_of(&answer)
    }

    /// The id of the only version of a subject.
    async fn only(&self, subject: &str) -> Result<u32> {
        let (_, versions) = self
            .ask("GET", &format!("subjects/{subject}/versions"), None)
            .await?;
        ensure!(versions == json!([1]), "{subject} has the versions {versions}");
        let (_, answer) = self
            .ask("GET", &format!("subjects/{subject}/versions/1"), None)
            .await?;
        id_of(&answer)
    }
}

fn id_of(answer: &Value) -> Result<u32> {
    Ok(u32::try_from(answer["id"].as_u64().context("an id")?)?)
}

/// A payload in the wire format.
fn framed(id: u32, content: &[u8]) -> Vec<u8> {
    let mut payload = vec![0];
    payload.extend(id.to_be_bytes());
    payload.extend(content);
    payload
}

/// One schema language: how the source's messages were written, and how the target's are to be.
struct Case {
    language: &'static str,
    /// The word in a migration.
    format: &'static str,
    /// The writer's schema, which the registry has, and the message in it.
    writer: &'static str,
    message: &'static str,
    /// The schema that the route registers, and the message in it.
    reader: &'static str,
    reader_message: &'static str,
    /// What stands behind the header, before and after.
    before: &'static [u8],
    after: &'static [u8],
    /// How many messages of a writer that no registry knows leave: JSON text is read whatever its id says.
    strangers: usize,
}

const CASES: [Case; 3] = [
    Case {
        language: "AVRO",
        format: "avro",
        writer: r#"{"type":"record","name":"Order","fields":[{"name":"n","type":"long"},{"name":"note","type":"string"}]}"#,
        message: "",
        reader: r#"{"type":"record","name":"Order","fields":[{"name":"note","type":"string"},{"name":"amount","type":"long"}]}"#,
        reader_message: "",
        before: &[42, 4, b'h', b'i'],
        after: &[4, b'h', b'i', 42],
        strangers: 0,
    },
    Case {
        language: "PROTOBUF",
        format: "protobuf",
        // The second message of the file.
        writer: "syntax = \"proto3\";\npackage shop;\nmessage Other {\n  string x = 1;\n}\nmessage Order {\n  int64 n = 1;\n  string note = 2;\n}\n",
        message: ", message: shop.Order",
        // The second message inside the first one.
        reader: "syntax = \"proto3\";\npackage shop;\nmessage Shipment {\n  message Box {\n    string x = 1;\n  }\n  message Line {\n    string note = 3;\n    int64 amount = 4;\n  }\n}\n",
        reader_message: ", message: shop.Shipment.Line",
        before: &[2, 2, 0x08, 21, 0x12, 2, b'h', b'i'],
        after: &[4, 0, 2, 0x1a, 2, b'h', b'i', 0x20, 21],
        strangers: 0,
    },
    Case {
        language: "JSON",
        format: "json-schema",
        writer: r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"n":{"type":"integer"},"note":{"type":"string"}},"required":["n"],"additionalProperties":false}"#,
        message: "",
        reader: r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"amount":{"type":"integer"},"note":{"type":"string"}},"required":["amount"],"additionalProperties":false}"#,
        reader_message: "",
        before: br#"{"n":21,"note":"hi"}"#,
        after: br#"{"amount":21,"note":"hi"}"#,
        strangers: 1,
    },
];

impl Case {
    /// A name for channels and subjects.
    fn name(&self, what: &str) -> String {
        format!("framed-{}-{what}", self.format)
    }

    fn file(&self) -> String {
        let ending = match self.format {
            "avro" => "avsc",
            "protobuf" => "proto",
            _ => "json",
        };
        format!("{}.{ending}", self.format)
    }

    fn migration(&self, register: &str) -> String {
        let Self {
            format,
            message,
            reader_message,
            ..
        } = self;
        format!(
            "migration: {}\nschemas:\n  \
             from: {{ format: {format}, registry: main, subject: {}, version: 1{message} }}\n  \
             to: {{ format: {format}, file: {}, registry: main, subject: {}{reader_message}{register} }}\n\
             transformations:\n  - {{ rename: n, to: amount }}\n",
            self.name("migration"),
            self.name("in"),
            self.file(),
            self.name("out"),
        )
    }
}

/// The payload of each message of a channel.
async fn payloads(broker: &mut dyn Broker, channel: &str) -> Result<Vec<Vec<u8>>> {
    let items = broker.read(channel).await?;
    Ok(items.into_iter().filter_map(|item| item.payload).collect())
}

#[test]
fn messages_of_each_language_leave_with_the_id_under_which_the_route_registered_their_schema() -> Result<()> {
    // Kafka is what this wire format was made for; where a run does without, the next system carries it as well.
    let all = systems();
    let system = if all.contains(&"kafka") { "kafka" } else { all[0] };
    block_on(registered(system)).map_err(|error| error.context(system))
}

async fn registered(system: &'static str) -> Result<()> {
    let Some(registry) = Registry::open().await? else {
        return Ok(());
    };
    let mut broker = open(system).await?;
    let mut routes = Vec::new();
    for case in &CASES {
        for what in ["in", "out", "dead"] {
            broker.make(&case.name(what)).await?;
        }
        let id = registry
            .register(&case.name("in"), case.language, case.writer)
            .await?;
        // The second is of a writer that no registry knows.
        let items = [id, 300_000_000, id].map(|id| Item {
            payload: Some(framed(id, case.before)),
            key: Some(b"one".to_vec()),
            ..Item::default()
        });
        broker.write(&case.name("in"), &items).await?;
        routes.push(format!(
            "  {format}:\n    from: {{ system: a, channel: {}, start: earliest }}\n    migrate: {format}.yaml\n    \
             to: a/{}\n    dead_letter: a/{}\n",
            case.name("in"),
            case.name("out"),
            case.name("dead"),
            format = case.format,
        ));
    }
    let project = project(&format!(
        "systems: {{ a: {} }}\nregistries: {{ main: {{ url: '{}' }} }}\nroutes:\n{}",
        broker.system(),
        registry.url,
        routes.concat()
    ));
    for case in &CASES {
        project.write(&format!("{}.yaml", case.format), case.migration(""));
        project.write(&case.file(), case.reader);
    }
    // Without `register: true` nothing is: the route does not even begin.
    let ran = project.run(&["run", "--format", "json"]);
    ensure!(ran.status != Some(0), "{ran:?}");
    for case in &CASES {
        let (status, _) = registry
            .ask("GET", &format!("subjects/{}/versions", case.name("out")), None)
            .await?;
        ensure!(
            status == 404,
            "{} was registered without a word: {status}",
            case.name("out")
        );
        ensure!(
            broker.count(&case.name("out")).await? == 0,
            "a message went through"
        );
        project.write(
            &format!("{}.yaml", case.format),
            case.migration(", register: true"),
        );
    }
    run_until(&project, async |missing| {
        for case in &CASES {
            for (what, count) in [("out", 2 + case.strangers), ("dead", 1 - case.strangers)] {
                if broker.count(&case.name(what)).await? < count {
                    missing.push(case.name(what));
                }
            }
        }
        Ok(())
    })
    .await?;
    for case in &CASES {
        let id = registry.only(&case.name("out")).await?;
        let come = payloads(&mut *broker, &case.name("out")).await?;
        let expected = vec![framed(id, case.after); 2 + case.strangers];
        ensure!(come == expected, "{}: {come:x?}, not {expected:x?}", case.format);
        let dead = payloads(&mut *broker, &case.name("dead")).await?;
        let expected = vec![framed(300_000_000, case.before); 1 - case.strangers];
        ensure!(dead == expected, "{}: {dead:x?}", case.format);
    }
    Ok(())
}
