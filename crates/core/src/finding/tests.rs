use super::*;

fn at(text: &str, part: &str) -> Place {
    let start = text.find(part).expect("the part stands in the text");
    SourceText::new("orders.yaml", text).place(Span::new(start, start + part.len()))
}

#[test]
fn a_finding_prints_its_place_the_underlined_line_and_the_help() {
    let place = at("transformations:\n  - remoev: name\n", "remoev");
    let finding = Finding::error(&place, "unknown operation `remoev`").help("write `remove`");
    assert_eq!(
        finding.render(),
        "orders.yaml:2:5: error: unknown operation `remoev`\n   2 |   - remoev: name\n     |     ^^^^^^\n     = help: write `remove`\n"
    );
    assert_eq!(
        finding.to_string(),
        "orders.yaml:2:5: error: unknown operation `remoev`"
    );
}

#[test]
fn a_note_is_told_and_finds_nothing_wrong() {
    let place = at("schemas: main", "main");
    let mut findings = Findings::new();
    findings.push(Finding::note(&place, "nobody was asked"));
    findings.push(Finding::note(&place, "nobody was asked"));
    assert_eq!(
        (findings.errors(), findings.warnings(), findings.notes()),
        (0, 0, 1)
    );
    assert!(!findings.has_errors() && !findings.is_empty());
    assert!(
        findings
            .render()
            .starts_with("orders.yaml:1:10: note: nobody was asked\n")
    );
    let mut all = Findings::new();
    all.append(findings);
    assert_eq!(all.notes(), 1);
}

#[test]
fn columns_count_characters_and_the_marks_follow_the_width_on_the_screen() {
    let place = at("\t注文: {ß: zip}", "zip");
    assert_eq!(place.to_string(), "orders.yaml:1:10");
    assert_eq!(
        Finding::error(&place, "no").render(),
        "orders.yaml:1:10: error: no\n   1 |     注文: {ß: zip}\n     |               ^^^\n"
    );
}

#[test]
fn a_combining_mark_takes_no_column() {
    let place = at("e\u{301}x: zip", "zip");
    let rendered = Finding::error(&place, "no").render();
    assert!(rendered.ends_with("     |     ^^^\n"), "{rendered}");
}

#[test]
fn a_long_line_is_shown_around_the_finding() {
    let line = format!("[{}zip{}]", "0, ".repeat(5000), ", 1".repeat(5000));
    let rendered = Finding::error(&at(&line, "zip"), "no").render();
    let lines: Vec<&str> = rendered.lines().collect();
    assert_eq!(lines[0], "orders.yaml:1:15002: error: no");
    assert!(lines[1].chars().count() < 120);
    let column = lines[2].find('^').expect("marked");
    assert_eq!(lines[1].chars().skip(column).take(3).collect::<String>(), "zip");
}

#[test]
fn what_a_terminal_would_obey_is_not_printed() {
    let place = at("name: \u{1b}[31mred\u{202e}", "red");
    let rendered = Finding::error(&place, "found \u{1b}]0;x").render();
    assert!(
        !rendered.contains('\u{1b}') && !rendered.contains('\u{202e}'),
        "{rendered:?}"
    );
}

#[test]
fn the_end_of_a_text_and_an_empty_text_have_a_place() {
    let source = SourceText::new("empty.json", "");
    assert_eq!(
        Finding::error(&source.place(Span::new(0, 0)), "empty").render(),
        "empty.json:1:1: error: empty\n   1 | \n     | ^\n"
    );
    let source = SourceText::new("a.json", "{\n");
    assert_eq!(source.place(Span::new(2, 2)).to_string(), "a.json:2:1");
    assert_eq!(source.place(Span::new(99, 99)).to_string(), "a.json:2:1");
}

#[test]
fn a_whole_file_has_no_line() {
    let finding = Finding::error(&Place::whole("lost.yaml"), "there is no such file");
    assert_eq!(finding.render(), "lost.yaml: error: there is no such file\n");
    assert_eq!(finding.to_json()["line"], serde_json::Value::Null);
}

#[test]
fn a_guarded_line_is_not_shown() {
    let source = SourceText::guarded("dunlin.yaml", "password: hunter2\n", |line| {
        !line.contains("password")
    });
    let rendered = Finding::error(&source.place(Span::new(10, 17)), "no").render();
    assert_eq!(rendered, "dunlin.yaml:1:11: error: no\n");
}

#[test]
fn findings_come_sorted_by_file_and_place_and_the_same_one_only_once() {
    let mut findings = Findings::new();
    let text = "one\ntwo\n";
    findings.error(&at(text, "two"), "second");
    findings.warning(&at(text, "one"), "first");
    findings.error(&Place::whole("a.yaml"), "before");
    findings.error(&at(text, "two"), "second");
    let messages: Vec<&str> = findings
        .sorted()
        .into_iter()
        .map(|finding| finding.message.as_str())
        .collect();
    assert_eq!(messages, ["before", "first", "second"]);
    assert_eq!((findings.errors(), findings.warnings()), (2, 1));
}

#[test]
fn findings_beyond_the_limit_are_counted_and_errors_take_the_room_of_warnings() {
    let mut findings = Findings::new();
    for number in 0..MOST_FINDINGS {
        findings.warning(&Place::whole(format!("{number}")), "remark");
    }
    findings.error(&Place::whole("last"), "refused");
    let mut all = Findings::new();
    all.append(findings);
    assert!(all.has_errors());
    assert_eq!((all.errors(), all.warnings()), (1, MOST_FINDINGS));
    let rendered = all.render();
    assert!(rendered.contains("last: error: refused\n"));
    assert!(
        rendered.ends_with("and 1 more findings, which are not shown\n"),
        "{rendered}"
    );
}

#[test]
fn json_has_the_same_members_always() {
    let finding = Finding::warning(&at("a: 1", "a"), "remark");
    assert_eq!(
        finding.to_json().to_string(),
        r#"{"severity":"warning","file":"orders.yaml","line":1,"column":1,"end_line":1,"end_column":2,"message":"remark","help":null}"#
    );
}

#[test]
fn the_nearest_name_is_found_and_a_far_one_is_not() {
    let known = ["value", "if_present", "parents", "to"];
    assert_eq!(nearest("valeu", known), Some("value"));
    assert_eq!(nearest("ifPresent", known), Some("if_present"));
    assert_eq!(nearest("if-present", known), Some("if_present"));
    assert_eq!(nearest("zebra", known), None);
    assert_eq!(nearest("x", known), None);
    assert_eq!(nearest(&"v".repeat(1000), known), None);
    assert_eq!(did_you_mean("parent", known), ", did you mean `parents`?");
}
