//! The program that the Protobuf conformance runner tests: requests come on standard input, answers go to standard output.
//!
//! Every request is a payload, binary or JSON, that is to be given back in one of the two forms. It goes through a document
//! in all cases, so that binary to binary is the decoder and the encoder, and not a copy. Requests and answers are messages
//! of `conformance.proto`, and read and written by the codec that is tested.
//!
//! Two things differ from a migration. Unknown fields are kept, since the runner asks for them back: those of the outermost
//! message. And requests to ignore unknown members of JSON are skipped, because nothing is ever ignored here.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dunlin_core::finding::{Findings, Place};
use dunlin_core::migration::document::{DuplicateNames, Member, Reading, Value, parse};
use dunlin_core::migration::load::MemoryResolver;
use dunlin_core::migration::{Codec, Framing, Limits, SchemaFormat, SchemaReference};
use dunlin_schemas::protobuf::Protobuf;

fn main() -> ExitCode {
    let Some(include) = std::env::args_os().nth(1) else {
        return fail("expected the folder of the test's schemas");
    };
    match serve(Path::new(&include)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => fail(&reason),
    }
}

fn fail(reason: &str) -> ExitCode {
    // Standard error is the only place left for it, and a failure to write there leaves the exit status.
    let _ = writeln!(std::io::stderr(), "protobuf_conformance: {reason}");
    ExitCode::FAILURE
}

fn serve(include: &Path) -> Result<(), String> {
    let mut tested = Tested::new(include)?;
    let mut input = std::io::stdin().lock();
    let mut output = std::io::stdout().lock();
    let mut length = [0; 4];
    loop {
        match input.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error.to_string()),
        }
        let mut request =
            vec![0; usize::try_from(u32::from_le_bytes(length)).map_err(|error| error.to_string())?];
        input
            .read_exact(&mut request)
            .map_err(|error| error.to_string())?;
        let answer = tested.answer(&request)?;
        let length = u32::try_from(answer.len()).map_err(|error| error.to_string())?;
        output
            .write_all(&length.to_le_bytes())
            .map_err(|error| error.to_string())?;
        output.write_all(&answer).map_err(|error| error.to_string())?;
        output.flush().map_err(|error| error.to_string())?;
    }
}

/// A payload that was read.
enum Input {
    Document(Value, Vec<u8>),
    Refused(String),
    /// The bytes are well formed, and JSON cannot express them.
    NotJson(String),
}

struct Tested {
    files: MemoryResolver,
    request: Protobuf,
    response: Protobuf,
    types: HashMap<String, Protobuf>,
}

impl Tested {
    fn new(include: &Path) -> Result<Self, String> {
        let mut files = MemoryResolver::new();
        for name in [
            "conformance/conformance.proto",
            "google/protobuf/test_messages_proto2.proto",
            "google/protobuf/test_messages_proto3.proto",
        ] {
            let bytes = std::fs::read(include.join(name)).map_err(|error| format!("{name}: {error}"))?;
            files = files.with(name, bytes);
        }
        let own = "conformance/conformance.proto";
        Ok(Self {
            request: schema(&files, own, "conformance.ConformanceRequest")?,
            response: schema(&files, own, "conformance.ConformanceResponse")?,
            files,
            types: HashMap::new(),
        })
    }

    fn answer(&mut self, request: &[u8]) -> Result<Vec<u8>, String> {
        let request = self
            .request
            .decode(request, &Limits::default())
            .map_err(|failure| failure.to_string())?;
        let (name, value) = self.result(&request)?;
        let response = Value::Object(vec![Member::new(name, value)]);
        self.response
            .encode(&response, &Limits::default())
            .map_err(|failure| failure.to_string())
    }

    /// The member of the answer, and its value.
    fn result(&mut self, request: &Value) -> Result<(&'static str, Value), String> {
        let name = text(request, "messageType").unwrap_or_default();
        if name == "conformance.FailureSet" {
            return Ok(("protobufPayload", Value::string("")));
        }
        let skipped = |reason: &str| Ok(("skipped", Value::string(reason)));
        let file = match name.split('.').nth(1) {
            Some("proto2") if name.starts_with("protobuf_test_messages.proto2.") => {
                "google/protobuf/test_messages_proto2.proto"
            }
            Some("proto3") => "google/protobuf/test_messages_proto3.proto",
            _ => return skipped("editions are not read"),
        };
        if text(request, "testCategory").as_deref() == Some("JSON_IGNORE_UNKNOWN_PARSING_TEST") {
            return skipped("unknown members are refused, and never ignored");
        }
        if !self.types.contains_key(&name) {
            self.types.insert(name.clone(), schema(&self.files, file, &name)?);
        }
        let Some(types) = self.types.get(&name) else {
            return Err("a schema that was made is gone".to_owned());
        };
        let (document, unknown) = match read(types, request)? {
            Some(Input::Document(document, unknown)) => (document, unknown),
            Some(Input::Refused(reason)) => return Ok(("parseError", Value::string(&reason))),
            Some(Input::NotJson(reason)) => return Ok(("serializeError", Value::string(&reason))),
            None => return skipped("only binary payloads and JSON are read"),
        };
        match text(request, "requestedOutputFormat").as_deref() {
            Some("PROTOBUF") => Ok(match types.encode(&document, &Limits::default()) {
                Ok(mut bytes) => {
                    bytes.extend_from_slice(&unknown);
                    ("protobufPayload", Value::string(&STANDARD.encode(bytes)))
                }
                // A document of JSON is held against the schema here.
                Err(failure) if text(request, "jsonPayload").is_some() => {
                    ("parseError", Value::string(&failure.to_string()))
                }
                Err(failure) => ("serializeError", Value::string(&failure.to_string())),
            }),
            Some("JSON") => Ok(match canonical(types, &document) {
                Ok(document) => ("jsonPayload", Value::string(&document.to_json())),
                Err(reason) if text(request, "jsonPayload").is_some() => {
                    ("parseError", Value::string(&reason))
                }
                Err(reason) => ("serializeError", Value::string(&reason)),
            }),
            _ => skipped("only binary payloads and JSON are written"),
        }
    }
}

/// Through the wire and back, so that JSON from JSON is what the mapping writes.
fn canonical(types: &Protobuf, document: &Value) -> Result<Value, String> {
    let bytes = types
        .encode(document, &Limits::default())
        .map_err(|failure| failure.to_string())?;
    types
        .decode(&bytes, &Limits::default())
        .map_err(|failure| failure.to_string())
}

fn read(types: &Protobuf, request: &Value) -> Result<Option<Input>, String> {
    let limits = Limits::default();
    if let Some(payload) = text(request, "jsonPayload") {
        let reading = Reading {
            depth: limits.depth(),
            duplicate_names: DuplicateNames::Reject,
        };
        return Ok(Some(match parse(payload.as_bytes(), &reading) {
            Ok(document) => Input::Document(document, Vec::new()),
            Err(error) => Input::Refused(error.to_string()),
        }));
    }
    let Some(payload) = text(request, "protobufPayload") else {
        return Ok(None);
    };
    let payload = STANDARD.decode(payload).map_err(|error| error.to_string())?;
    Ok(Some(match types.decode_keeping_unknown(&payload, &limits) {
        Ok((document, unknown)) => Input::Document(document, unknown),
        // What is wrong with bytes has an offset.
        Err(failure) if failure.offset.is_some() => Input::Refused(failure.to_string()),
        Err(failure) => Input::NotJson(failure.to_string()),
    }))
}

/// The text of a member.
fn text(value: &Value, name: &str) -> Option<String> {
    let Value::Object(members) = value else {
        return None;
    };
    let member = members.iter().find(|member| member.name.is(name))?;
    member.value.scalar_text().ok()?.map(std::borrow::Cow::into_owned)
}

fn schema(files: &MemoryResolver, file: &str, message: &str) -> Result<Protobuf, String> {
    let reference = SchemaReference {
        format: SchemaFormat::Protobuf,
        file: Some(file.to_owned()),
        imports: Vec::new(),
        message: Some(message.to_owned()),
        framing: Framing::Plain,
        registry: None,
        place: Place::whole("the conformance test"),
    };
    let mut findings = Findings::new();
    Protobuf::new(&reference, None, files, &mut findings).ok_or_else(|| findings.render())
}
