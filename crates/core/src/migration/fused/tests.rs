//! The fused pass against the interpreter, case by case, and what must not leave the pass.

use std::sync::Arc;

use bytes::Bytes;

use super::{Engine, Program, Worker, is_document};
use crate::message::Headers;
use crate::migration::document::{Reading, Value, parse};
use crate::migration::load::MemoryResolver;
use crate::migration::{Input, Limits, LoadOptions, Migrated, Migration, Options, RecordMode};

fn migration(chain: &str) -> Arc<Migration> {
    let resolver = MemoryResolver::new().with("chain.json", format!(r#"{{"transformations":{chain}}}"#));
    let loaded = Migration::load("chain.json", &resolver, &LoadOptions::default());
    Arc::new(
        loaded
            .unwrap_or_else(|findings| panic!("{}", findings.render()))
            .migration,
    )
}

fn worker(chain: &str) -> Worker {
    let program = Program::compile(migration(chain));
    assert!(program.is_fused(), "{:?}", program.unfused());
    Worker::new(Arc::new(program), Engine::Fused)
}

fn input(document: &str) -> Input {
    Input {
        payload: Some(Bytes::copy_from_slice(document.as_bytes())),
        key: None,
        headers: Headers::new(),
    }
}

fn options() -> Options<'static> {
    Options {
        record: RecordMode::Ignore,
        ..Options::default()
    }
}

fn compact(migrated: &Migrated) -> String {
    let bytes = migrated.payload.as_ref().unwrap();
    parse(bytes, &Reading::default()).unwrap().to_json()
}

/// Takes a document through both engines, which must agree, and tells whether the fused pass took it to the end.
#[track_caller]
fn agree(worker: &mut Worker, document: &str) -> bool {
    let before = worker.handoffs().fused;
    let fused = worker.migrate(input(document), &options());
    let expected = worker.program().migration().migrate(input(document), &options());
    match (fused, expected) {
        (Ok(fused), Ok(expected)) => {
            assert_eq!(compact(&fused), compact(&expected), "of {document}");
            assert_eq!(fused.changes, expected.changes, "of {document}");
            assert_eq!(fused.headers, expected.headers);
            assert_eq!(fused.validations, expected.validations);
        }
        (Err(fused), Err(expected)) => assert_eq!(fused, expected, "of {document}"),
        (fused, expected) => panic!("fused: {fused:?}, expected: {expected:?}, of {document}"),
    }
    worker.handoffs().fused > before
}

/// All documents must come through the pass, the second time with what was learned from the first.
#[track_caller]
fn fused(chain: &str, documents: &[&str]) {
    let mut worker = worker(chain);
    for _ in 0..2 {
        for document in documents {
            assert!(
                agree(&mut worker, document),
                "handed to the interpreter: {document}"
            );
        }
    }
}

/// All documents must be handed to the interpreter, and come out as it says.
#[track_caller]
fn handed(chain: &str, documents: &[&str]) {
    let mut worker = worker(chain);
    for document in documents {
        assert!(
            !agree(&mut worker, document),
            "not handed to the interpreter: {document}"
        );
    }
}

#[test]
fn members_are_renamed_removed_and_added_in_one_pass() {
    fused(
        r#"[{"rename":"a","to":"b"},{"remove":"c"},{"add":"d","value":1},{"add":"o.x","value":"é\n"},{"rename":"b","to":"e"}]"#,
        &[
            r#"{}"#,
            r#"{"a":1}"#,
            r#"{"b":2}"#,
            r#"{"c":{"x":[1]}}"#,
            r#"{"c":1,"a":2}"#,
            r#" { "c" : 1 , "z" : [ ] , "a" : 2 , "o" : { } } "#,
            r#"{"o":{"x":null,"y":1},"d":null}"#,
            r#"{"o":null,"c":0,"d":{}}"#,
            r#"{"z":1,"c":0,"y":2,"a":"x"}"#,
        ],
    );
}

#[test]
fn what_has_no_exact_answer_goes_to_the_interpreter() {
    let chain = r#"[{"rename":"a","to":"b"},{"add":"o.x","value":1},{"cast":"n","to":"integer"}]"#;
    handed(
        chain,
        &[
            r#"{"a":1,"b":2}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"\u0061":1}"#,
            r#"{"o":[]}"#,
            r#"{"n":"x"}"#,
            r#"{"n":1.5}"#,
            r#"[1]"#,
            r#"null"#,
            r#"{"a":1"#,
            r#"{"a":1}x"#,
            "{\"z\":\"\u{1}\"}",
        ],
    );
}

#[test]
fn names_that_nobody_names_pass_through_as_they_are() {
    fused(
        r#"[{"rename":"a","to":"b"}]"#,
        &[r#"{"x":1,"x":2,"\u0078":1E2,"y\"":"\ud800","a":-0,"z":1.10}"#],
    );
}

#[test]
fn values_are_cast_and_translated_by_their_text() {
    fused(
        r#"[{"cast":"n","to":"number"},{"cast":"i","to":"integer"},{"cast":"s","to":"string"},{"cast":"f","to":"boolean"},
            {"translate":"t","values":[["N","new"],["P","P"],[1,"one"]]},{"modify":"m","value":"x"}]"#,
        &[
            r#"{"n":"1.50","i":"12","s":1.0,"f":"true","t":"N","m":"x"}"#,
            r#"{"n":null,"i":null,"s":null,"f":null,"t":null,"m":null}"#,
            r#"{"n":"+1","i":"+007","s":true,"f":"0","t":"P","m":"\u0078"}"#,
            r#"{"n":"-0.0","i":"1.0","s":"x","f":1,"t":1,"m":{}}"#,
            r#"{"n":-0,"i":-0,"s":"é","f":false,"t":"\u004e","m":[1]}"#,
            r#"{"t":{"a":1}}"#,
        ],
    );
}

#[test]
fn values_are_taken_elsewhere_whichever_comes_first() {
    fused(
        r#"[{"move":"a","to":"o.b"},{"copy":"c","to":"p.q.r"},{"move":"o.d","to":"e"},{"cast":"o.b","to":"string"}]"#,
        &[
            r#"{"a":1,"o":{"d":2},"c":[1]}"#,
            r#"{"o":{"d":2},"a":1,"c":[1]}"#,
            r#"{"o":{},"z":1,"a":1}"#,
            r#"{"o":{},"z":1}"#,
            r#"{"a":1}"#,
            r#"{"p":{"x":1},"c":{"y":2}}"#,
            r#"{"p":{"q":{}},"c":2,"o":{"d":{"k":1}}}"#,
            r#"{}"#,
        ],
    );
    handed(
        r#"[{"move":"a","to":"o.b"}]"#,
        &[
            r#"{"a":1,"o":{"b":2}}"#,
            r#"{"o":{"b":2},"a":1}"#,
            r#"{"a":1,"o":null}"#,
            r#"{"a":1,"o":3}"#,
        ],
    );
}

#[test]
fn elements_are_handled_each_by_itself() {
    fused(
        r#"[{"rename":"l[*].a","to":"b"},{"move":"l[*].c","to":"l[*].o.d"},{"cast":"l[*].b","to":"string"},{"add":"l[*].u","value":1},
            {"each":"l","do":[{"remove":"x"},{"rename":"y","to":"z"}]}]"#,
        &[
            r#"{"l":[]}"#,
            r#"{"l":null}"#,
            r#"{"l":[{"a":1,"c":2,"o":{}},{"o":{"k":1},"c":3},{"o":{}},{"x":1},null,{}]}"#,
        ],
    );
}

#[test]
fn siblings_are_nested_in_the_order_of_the_document() {
    fused(
        r#"[{"nest":["a","b"],"into":"o"},{"rename":"o.a","to":"c"},{"add":"o.z","value":0}]"#,
        &[
            r#"{"b":1,"x":2,"a":3}"#,
            r#"{"a":3,"b":1}"#,
            r#"{"a":1}"#,
            r#"{"x":1}"#,
            r#"{"o":{"a":1}}"#,
        ],
    );
}

#[test]
fn members_are_picked() {
    fused(
        r#"[{"rename":"x","to":"a"},{"pick":"$","members":["a","o"]},{"pick":"o","members":["k"]},{"add":"n","value":1}]"#,
        &[
            r#"{"z":1,"a":2,"y":[{}],"o":{"l":1,"k":2},"w":1}"#,
            r#"{"x":1}"#,
            r#"{"z":1}"#,
            r#"{}"#,
            r#"{"o":null}"#,
        ],
    );
}

#[test]
fn operations_on_values_run_on_the_value_alone() {
    fused(
        r#"[{"hash":"a","with":"sha256"},{"multiply":"b","by":"0.1"},{"time":"t","from":"unix_s","to":"rfc3339"},
            {"text":"s","do":["trim"]},{"redact":"r"},{"wrap":"w"},{"flatten":"f"},{"unnest":"u.v"},{"rename":"g.x_*","to":"y_*"},
            {"split":"p","on":","},{"to_entries":"e"},{"expand":"k"},{"remove":"q[*]","where":{"n":1}},{"rename":"q[*].n","to":"m"}]"#,
        &[
            r#"{"a":"x","b":5,"t":0,"s":" y ","r":"secret","w":1,"f":{"a":{"b":1}},"u":{"v":{"x":1},"z":2}}"#,
            r#"{"g":{"x_1":1,"z":2},"p":"a,b","e":{"k":1.0},"k":{"a.b":1},"q":[{"n":1},{"n":2},{}]}"#,
            r#"{}"#,
        ],
    );
}

#[test]
fn strict_transformations_must_find_a_place() {
    let chain = r#"[{"rename":"a","to":"b","strict":true},{"cast":"l[*].n","to":"string","strict":true}]"#;
    fused(chain, &[r#"{"a":1,"l":[{"n":1}]}"#]);
    handed(chain, &[r#"{"a":1,"l":[]}"#, r#"{"l":[{"n":1}]}"#]);
}

#[test]
fn what_is_removed_again_still_counts() {
    fused(
        r#"[{"add":"a","value":1},{"remove":"a"},{"add":"o.p.q","value":2},{"remove":"o.p"},{"move":"b","to":"c"},{"remove":"c"},{"cast":"d","to":"string"},{"remove":"d"}]"#,
        &[
            r#"{}"#,
            r#"{"a":1,"b":2,"d":3}"#,
            r#"{"o":{"p":{"q":1},"z":0},"b":{"x":1}}"#,
        ],
    );
}

#[test]
fn the_strict_reader_takes_what_the_parser_takes() {
    let texts = [
        "0",
        "-0",
        "01",
        "1.",
        "1.5e+1",
        "1e",
        ".5",
        "-",
        "+1",
        "true",
        "tru",
        "nul",
        "null",
        "\"\\u00e9\"",
        "\"\\u00g9\"",
        "\"\\x\"",
        "\"a\tb\"",
        "[]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{}",
        "{\"a\":}",
        "{\"a\" 1}",
        "{a:1}",
        "{\"a\":1,}",
        "[[[]]]",
        "[}",
        "{]",
        " [1] ",
        "[1]\u{0}",
        "",
        " ",
        "\u{feff}1",
        "[\"\\ud800\"]",
        "{\"a\":[{\"b\":[]},{}],\"c\":{\"d\":null}}",
    ];
    for text in texts {
        let parsed: Result<Value, _> = parse(text.as_bytes(), &Reading::default());
        assert_eq!(
            is_document(text.as_bytes(), &Limits::default()),
            parsed.is_ok(),
            "{text:?}"
        );
    }
}

#[test]
fn a_hundred_and_twenty_eight_containers_may_be_open() {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(is_document(deep(128).as_bytes(), &Limits::default()));
    assert!(!is_document(deep(129).as_bytes(), &Limits::default()));
    let mut worker = worker(r#"[{"add":"x.y","value":1}]"#);
    let document = |depth| format!(r#"{{"z":{}}}"#, deep(depth));
    assert!(agree(&mut worker, &document(120)));
    agree(&mut worker, &document(127));
    agree(&mut worker, &document(128));
}

#[test]
fn chains_that_cannot_be_fused_say_why() {
    let program = Program::compile(migration(
        r#"[{"rename":"a","to":"b"},{"rename":"**.x_*","to":"y_*"},{"remove":"c"}]"#,
    ));
    assert!(!program.is_fused());
    let [unfused] = program.unfused() else { panic!() };
    assert_eq!((unfused.index, unfused.id.as_str()), (1, "chain#2"));
    assert!(unfused.reason.contains("any depth"), "{unfused}");
}

#[test]
fn what_comes_late_into_a_value_that_goes_is_left_to_the_interpreter() {
    let chain = r#"[{"add":"o.x.y","value":1},{"move":"a","to":"o.x.z"},{"remove":"o.x"}]"#;
    handed(chain, &[r#"{"o":{},"a":1}"#, r#"{"o":{}}"#]);
    fused(chain, &[r#"{"a":1,"o":{}}"#, r#"{"a":1}"#]);
}

#[test]
fn conditions_and_expressions_are_asked_before_the_pass() {
    fused(
        r#"[{"remove":"x","when":"payload.kind == 'a'"},{"add":"y","value":1,"when":"has(payload.o)"},
            {"rename":"z","to":"w","where":{"o.p":[1,2]}},{"compute":"sum","as":"payload.n + 1"},
            {"compute":"text","as":"payload.sum","if_present":"keep"},{"cast":"sum","to":"string"},
            {"compute":"l[*].t","as":"item.a + index"},{"remove":"v","when":"payload.w == 3"}]"#,
        &[
            r#"{"n":1}"#,
            r#"{"kind":"a","x":1,"n":2,"z":3}"#,
            r#"{"kind":"b","x":1,"o":{"p":2},"z":3,"v":1,"n":3}"#,
            r#"{"o":{"p":3},"z":3,"n":4,"sum":5,"text":0,"v":null}"#,
            r#"{"n":5,"sum":6,"l":[{"a":1},{"a":2}]}"#,
        ],
    );
    handed(
        r#"[{"remove":"x","when":"payload.kind == 'a'"},{"compute":"sum","as":"payload.n + 1"}]"#,
        &[
            r#"{"kind":"a","x":1}"#,
            r#"{"kind":"a","kind":"b","n":1}"#,
            r#"{"k\u0069nd":"a","n":1}"#,
            r#"{"n":"x"}"#,
            r#"[1]"#,
        ],
    );
}

#[test]
fn messages_are_dropped_behind_what_came_before() {
    fused(
        r#"[{"rename":"a","to":"b"},{"drop":"tests","where":{"b":"test"}},{"add":"c","value":1},{"drop":"empty","when":"payload.c == 2"},{"remove":"d"}]"#,
        &[
            r#"{"a":"test"}"#,
            r#"{"a":"x","d":1}"#,
            r#"{"c":2,"d":1}"#,
            r#"{}"#,
        ],
    );
}

#[test]
fn names_are_found_at_any_depth() {
    let documents = [
        r#"{}"#,
        r#"{"id":1,"node_id":"x","a":{"id":2,"node_id":{"id":3},"b":[{"id":true},[{"id":null,"c_id":"5"}],7]}}"#,
        r#"[{"id":1},{"node_id":2},3]"#,
        r#"{"html_url":"h","x_url":"g","user":{"x_url":1,"html_url":2,"z":0},"l":[{"html_url":3}]}"#,
        r#" { "node_id" : 1 , "a" : [ { "x_id" : 5 , "id" : "x" } ] , "user" : { "id" : 9, "email" : "a" } } "#,
        r#"{"node_id":{"html_url":1,"y_id":4},"email":"someone","o":{"email":[{"id":1}]}}"#,
    ];
    fused(
        r#"[{"remove":"**.node_id"},{"cast":"**.id","to":"string"},{"cast":"**.*_id","to":"string","where":{".":{"is":"number"}}},
            {"rename":"**.html_url","to":"link"},{"remove":"**.*_url"},{"redact":"**.email","keep_last":2,"where":{".":{"is":"string"}}}]"#,
        &documents,
    );
    fused(
        r#"[{"remove":"user.z"},{"rename":"a","to":"q"},{"remove":"**.node_id"},{"cast":"user.id","to":"string"},{"cast":"**.*id","to":"string"},
            {"add":"n","value":1},{"move":"user","to":"person"},{"remove":"**.*_url"},{"redact":"**.email","where":{".":{"is":"string"}}}]"#,
        &documents[..2],
    );
    handed(
        r#"[{"cast":"**.id","to":"string"},{"rename":"**.a","to":"b"}]"#,
        &[
            r#"{"x":{"id":{}}}"#,
            r#"{"x":{"\u0069d":1}}"#,
            r#"{"x":{"a":1,"b":2}}"#,
            r#"{"x":[{"a":1,"a":2}]}"#,
            r#""text""#,
        ],
    );
}

#[test]
fn headers_and_the_key_are_worked_on_beside_the_document() {
    let chain = r#"[{"add":"@headers.a","value":"x"},{"rename":"b","to":"c","when":"headers['a'] == 'x'"},{"compute":"d","as":"headers['a'] + string(payload.c)"},
        {"compute":"@key","as":"string(payload.c)"},{"remove":"e","where":{"@key":"1"}},{"remove":"@headers.a"},{"remove":"f","when":"has(headers.a)"}]"#;
    fused(chain, &[r#"{"b":1,"e":2,"f":3}"#, r#"{"c":2,"e":2}"#]);
    handed(chain, &[r#"{}"#]);
}

#[test]
fn what_needs_all_names_of_a_document_is_rare() {
    fused(
        r#"[{"unnest":"p","prefix":"p_"},{"split":"r","on":"/","into":["x","y"]},{"join":["x","y"],"into":"z","with":":"},{"rename":"a","to":"b"}]"#,
        &[
            r#"{"a":1}"#,
            r#"{"p":{"q":1},"a":2}"#,
            r#"{"r":"k/l"}"#,
            r#"{"x":"1","a":3}"#,
            r#"{"p":null}"#,
        ],
    );
}

/// Cases that a search by chance has found.
#[test]
fn what_a_name_at_any_depth_means_does_not_depend_on_who_was_there_before() {
    for (chain, document) in [
        (r#"[{"rename":"**.v","to":"v"}]"#, r#"{"v":1}"#),
        (
            r#"[{"text":"s","do":["upper"]},{"rename":"s","to":"o"},{"move":"o.o","to":"o.p"}]"#,
            r#"{"o":{"o":{}}}"#,
        ),
        (
            r#"[{"remove":"l[*].s"},{"compute":"l[*].f","as":"string(index)"},{"rename":"**.n","to":"f"}]"#,
            r#"{"l":[{"n":1}]}"#,
        ),
        (
            r#"[{"cast":"l[*].n","to":"string","where":{"s":{"exists":true}}},{"move":"l","to":"m"},{"text":"**.s","do":["upper"]}]"#,
            r#"{"l":[{"k":[{"s":"a"}]}]}"#,
        ),
        (
            r#"[{"move":"o","to":"p"},{"rename":"p.s","to":"f"},{"translate":"**.f","values":[["x",1]]}]"#,
            r#"{"o":{"s":"y"}}"#,
        ),
        (
            r#"[{"pick":"o.p","members":["s","f"]},{"remove":"**.o"},{"rename":"**.s","to":"f"}]"#,
            r#"{"o":{"p":{"s":1}}}"#,
        ),
        (
            r#"[{"remove":"**.f"},{"rename":"**.o","to":"f"},{"rename":"f","to":"h"}]"#,
            r#"{"o":1,"f":2}"#,
        ),
    ] {
        let program = Arc::new(Program::compile(migration(chain)));
        let mut worker = Worker::new(program, Engine::Fused);
        for _ in 0..2 {
            agree(&mut worker, document);
        }
    }
}
