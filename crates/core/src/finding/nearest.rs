//! The name that was probably meant.

/// Words that people bring along from elsewhere, and what is meant by them here, the likeliest first. A word stands for those
/// of its meanings that are known where it was written.
const SYNONYMS: &[(&str, &[&str])] = &[
    // Operations.
    ("delete", &["remove"]),
    ("del", &["remove"]),
    ("unset", &["remove"]),
    ("omit", &["remove"]),
    ("set", &["add", "modify"]),
    ("put", &["add", "modify"]),
    ("insert", &["add"]),
    ("default", &["add", "else"]),
    ("replace", &["modify"]),
    ("update", &["modify"]),
    ("change", &["modify"]),
    ("mv", &["move"]),
    ("cp", &["copy"]),
    ("duplicate", &["copy"]),
    ("clone", &["copy"]),
    ("keep", &["pick"]),
    ("select", &["pick"]),
    ("project", &["pick"]),
    ("filter", &["drop", "where"]),
    ("skip", &["drop"]),
    ("discard", &["drop"]),
    ("convert", &["cast"]),
    ("coerce", &["cast"]),
    ("type", &["cast", "to"]),
    ("map", &["translate", "values", "each"]),
    ("mapping", &["translate", "values"]),
    ("lookup", &["translate"]),
    ("enum", &["translate"]),
    ("foreach", &["each"]),
    ("for_each", &["each"]),
    ("loop", &["each"]),
    ("concat", &["join"]),
    ("concatenate", &["join"]),
    ("merge", &["join", "nest"]),
    ("group", &["nest"]),
    ("ungroup", &["unnest"]),
    ("scale", &["multiply"]),
    ("date", &["time"]),
    ("datetime", &["time"]),
    ("timestamp", &["time"]),
    ("mask", &["redact"]),
    ("anonymize", &["redact", "hash"]),
    ("anonymise", &["redact", "hash"]),
    ("digest", &["hash"]),
    ("parse", &["decode"]),
    ("stringify", &["encode"]),
    ("serialize", &["encode"]),
    ("calculate", &["compute"]),
    ("eval", &["compute"]),
    ("expression", &["compute", "value"]),
    ("expr", &["compute", "value"]),
    // Fields of operations.
    ("if", &["when"]),
    ("condition", &["when"]),
    ("unless", &["when"]),
    ("factor", &["by"]),
    ("otherwise", &["else"]),
    ("fallback", &["else"]),
    ("name", &["id", "to"]),
    ("comment", &["description"]),
    ("steps", &["do", "transformations"]),
    ("operations", &["transformations"]),
    ("ops", &["transformations"]),
    ("changes", &["transformations"]),
    // Kinds of values, and other words.
    ("int", &["integer"]),
    ("int32", &["integer"]),
    ("int64", &["integer"]),
    ("long", &["integer"]),
    ("float", &["number"]),
    ("double", &["number"]),
    ("decimal", &["number"]),
    ("numeric", &["number"]),
    ("str", &["string"]),
    ("text", &["string"]),
    ("bool", &["boolean"]),
    ("lowercase", &["lower"]),
    ("uppercase", &["upper"]),
    ("iso", &["rfc3339"]),
    ("iso8601", &["rfc3339"]),
    ("unix", &["unix_s"]),
    ("epoch", &["unix_s"]),
    ("ignore", &["keep"]),
    ("done", &["applied"]),
    // Keys of a configuration.
    ("source", &["from"]),
    ("input", &["from"]),
    ("target", &["to"]),
    ("destination", &["to"]),
    ("output", &["to"]),
    ("sink", &["to"]),
    ("dlq", &["dead_letter"]),
    ("dead_letter_queue", &["dead_letter"]),
    ("errors", &["dead_letter", "on_error"]),
    ("uri", &["url"]),
    ("address", &["url"]),
    ("endpoint", &["url"]),
    ("connection", &["url"]),
    ("username", &["user"]),
    ("login", &["user"]),
    ("passwd", &["password"]),
    ("options", &["settings"]),
    ("config", &["settings"]),
    ("brokers", &["systems"]),
    ("connections", &["systems"]),
    ("pipelines", &["routes"]),
    ("topic", &["channel"]),
    ("queue", &["channel"]),
    ("stream", &["channel"]),
    ("subject", &["channel"]),
    ("consumer_group", &["group"]),
    ("group_id", &["group"]),
    ("offset", &["start"]),
    ("begin", &["start"]),
];

/// The one of `known` that is nearest to what was written, or none if nothing is near.
///
/// Near means that at most one of three characters would have to change. Capitals and the choice between `-`, `_` and
/// a space do not count: they are what people most often get wrong in names.
pub fn nearest<'known>(written: &str, known: impl IntoIterator<Item = &'known str>) -> Option<&'known str> {
    // The distance takes time by the product of the lengths, and nothing that long is a slip of the pen.
    if written.len() > 128 {
        return None;
    }
    let written = folded(written);
    let allowed = (written.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&written, &folded(name)), name))
        .filter(|(distance, name)| *distance <= allowed && *distance < name.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Those of `known` that were probably meant, the likeliest first: the meanings of a word from elsewhere (`delete` is `remove`),
/// else the [`nearest`] name.
pub fn meant<'known>(written: &str, known: impl IntoIterator<Item = &'known str>) -> Vec<&'known str> {
    let known: Vec<&str> = known.into_iter().collect();
    let word = folded(written);
    let meanings = SYNONYMS
        .iter()
        .find(|(synonym, _)| *synonym == word)
        .map_or(&[][..], |(_, meanings)| *meanings);
    let meanings: Vec<&str> = meanings
        .iter()
        .filter_map(|meaning| known.iter().find(|name| *name == meaning).copied())
        .collect();
    if meanings.is_empty() {
        nearest(written, known).into_iter().collect()
    } else {
        meanings
    }
}

/// The end of a message about an unknown name: ``, did you mean `value`?``, or nothing if no known name is near.
pub fn did_you_mean<'known>(written: &str, known: impl IntoIterator<Item = &'known str>) -> String {
    suggestion(&meant(written, known))
}

/// The same of names that were found by [`meant`].
pub(crate) fn suggestion(meant: &[&str]) -> String {
    if meant.is_empty() {
        return String::new();
    }
    let names: Vec<String> = meant.iter().map(|name| format!("`{name}`")).collect();
    format!(", did you mean {}?", names.join(" or "))
}

fn folded(name: &str) -> String {
    name.chars()
        .map(|character| {
            if matches!(character, '-' | ' ') {
                '_'
            } else {
                character.to_ascii_lowercase()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_from_elsewhere_stands_for_what_is_known_here() {
        let operations = ["add", "remove", "modify"];
        assert_eq!(did_you_mean("delete", operations), ", did you mean `remove`?");
        assert_eq!(
            did_you_mean("Set", operations),
            ", did you mean `add` or `modify`?"
        );
        assert_eq!(
            did_you_mean("int", ["integer", "string"]),
            ", did you mean `integer`?"
        );
        assert_eq!(did_you_mean("delete", ["systems", "routes"]), "");
    }

    #[test]
    fn no_word_stands_twice_or_for_itself() {
        for (index, (word, meanings)) in SYNONYMS.iter().enumerate() {
            assert!(SYNONYMS[..index].iter().all(|(other, _)| other != word), "{word}");
            assert!(!meanings.is_empty() && !meanings.contains(word), "{word}");
            assert_eq!(*word, folded(word));
        }
    }
}
