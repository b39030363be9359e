//! What is wrong with the syntax of an expression, in words for those who write expressions.
//!
//! The parser of the `cel` crate answers with lists of its tokens. Here they become what was expected and what was found; a
//! complaint of a form that is not known is passed on as it is.

/// Words that other languages have for operators of CEL.
const OPERATORS: [(&str, &str); 6] = [
    ("and", "`&&`"),
    ("or", "`||`"),
    ("=", "`==` for equality"),
    ("&", "`&&`"),
    ("|", "`||`"),
    ("if", "`condition ? one : other`"),
];

/// What the parser says, in other words.
pub(super) fn in_words(message: &str) -> String {
    let message = message.replace('\n', " ");
    let rest = message.strip_prefix("Syntax error: ").unwrap_or(&message);
    if let Some(rest) = rest.strip_prefix("reserved identifier: ") {
        let word = rest.trim();
        format!(
            "expected a name, found `{word}`, a word that CEL keeps for itself{}",
            hint(word)
        )
    } else if let Some(rest) = rest.strip_prefix("token recognition error at: ") {
        let found = rest.strip_prefix('\'').unwrap_or(rest);
        let found = found.strip_suffix('\'').unwrap_or(found);
        if found.starts_with(['\'', '"']) {
            "expected a closing quote, found the end of the expression".to_owned()
        } else {
            let found = found.trim();
            format!("expected an operator or a value, found `{found}`{}", hint(found))
        }
    } else if let Some((found, wanted)) =
        between(rest, &["mismatched input ", "extraneous input "], " expecting ")
    {
        format!(
            "expected {}, found {}{}",
            wanted_in_words(wanted),
            found_in_words(found),
            hint(quoted(found))
        )
    } else if let Some((wanted, found)) = between(rest, &["missing "], " at ") {
        format!(
            "expected {}, found {}",
            wanted_in_words(wanted),
            found_in_words(found)
        )
    } else if let Some(found) = rest.strip_prefix("no viable alternative at input ") {
        format!("expected an expression, found {}", found_in_words(found))
    } else {
        format!("expected a CEL expression: {rest}")
    }
}

fn between<'text>(text: &'text str, prefixes: &[&str], middle: &str) -> Option<(&'text str, &'text str)> {
    let rest = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix))?;
    rest.split_once(middle)
}

/// The text between the quotes that the parser puts around it.
fn quoted(token: &str) -> &str {
    let token = token.trim();
    token
        .strip_prefix('\'')
        .and_then(|token| token.strip_suffix('\''))
        .unwrap_or(token)
}

fn found_in_words(token: &str) -> String {
    match quoted(token) {
        "<EOF>" => "the end of the expression".to_owned(),
        token => format!("`{token}`"),
    }
}

/// One token, or what a set of tokens comes to.
fn wanted_in_words(wanted: &str) -> String {
    let wanted = wanted.trim();
    if !wanted.starts_with('{') {
        return match quoted(wanted) {
            "<EOF>" => "the end of the expression".to_owned(),
            "IDENTIFIER" => "a name".to_owned(),
            token => format!("`{token}`"),
        };
    }
    let begins_a_value = wanted.contains("NUM_INT") && wanted.contains("STRING");
    let has_operators = wanted.contains("'=='");
    match (begins_a_value, has_operators) {
        (true, false) => "a value",
        (false, true) if wanted.contains("<EOF>") => "an operator or the end",
        (false, true) if wanted.contains("')'") => "an operator or `)`",
        (false, true) if wanted.contains("']'") => "an operator or `]`",
        (false, true) => "an operator",
        _ => {
            let tokens = wanted.trim_matches(['{', '}']).split("', '");
            return tokens
                .map(|token| format!("`{}`", token.trim_matches('\'')))
                .collect::<Vec<_>>()
                .join(" or ");
        }
    }
    .to_owned()
}

/// What CEL writes for it, where another language was probably meant.
fn hint(found: &str) -> String {
    OPERATORS
        .iter()
        .find(|(word, _)| *word == found)
        .map(|(_, operator)| format!("; CEL writes {operator}"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::migration::expression::Expression;

    #[test]
    fn slips_of_syntax_are_told_without_tokens_of_the_parser() {
        for (text, expected) in [
            (
                "payload.a == ",
                "expected a value, found the end of the expression",
            ),
            (
                "payload.a = 3",
                "expected an operator or a value, found `=`; CEL writes `==` for equality",
            ),
            (
                "payload.a and true",
                "expected an operator or the end, found `and`; CEL writes `&&`",
            ),
            (
                "if x",
                "expected a name, found `if`, a word that CEL keeps for itself; CEL writes `condition ? one : other`",
            ),
            ("(payload.a", "expected `)`, found the end of the expression"),
            (
                "payload.a == 'x",
                "expected a closing quote, found the end of the expression",
            ),
            ("[1, 2", "expected `]` or `,`, found the end of the expression"),
            ("payload.a == == 1", "expected a value, found `==`"),
        ] {
            let defects = Expression::compile(text).unwrap_err();
            let first = defects
                .iter()
                .min_by_key(|defect| defect.offset.unwrap_or(0))
                .unwrap();
            assert_eq!(first.message, expected, "{text}");
        }
    }
}
