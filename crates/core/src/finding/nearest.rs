//! The name that was probably meant.

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

/// The end of a message about an unknown name: ``, did you mean `value`?``, or nothing if no known name is near.
pub fn did_you_mean<'known>(written: &str, known: impl IntoIterator<Item = &'known str>) -> String {
    nearest(written, known)
        .map(|name| format!(", did you mean `{name}`?"))
        .unwrap_or_default()
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
