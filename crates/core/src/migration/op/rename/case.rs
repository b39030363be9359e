//! Names in other cases.
//!
//! Only ASCII letters have a case here, so that a name means the same on every machine and in every version.

use crate::migration::document::Text;

/// The cases that names can be brought into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// `customer_id`
    Snake,
    /// `customerId`
    Camel,
    /// `CustomerId`
    Pascal,
    /// `customer-id`
    Kebab,
    /// Letters become small.
    Lower,
    /// Letters become capitals.
    Upper,
}

/// A character of a name, or half of a surrogate pair, which is carried along.
type Unit = Result<char, u16>;

impl Case {
    /// The words for them.
    pub(super) const CHOICES: [(&'static str, Self); 6] = [
        ("snake", Self::Snake),
        ("camel", Self::Camel),
        ("pascal", Self::Pascal),
        ("kebab", Self::Kebab),
        ("lower", Self::Lower),
        ("upper", Self::Upper),
    ];

    /// The word for it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Snake => "snake",
            Self::Camel => "camel",
            Self::Pascal => "pascal",
            Self::Kebab => "kebab",
            Self::Lower => "lower",
            Self::Upper => "upper",
        }
    }

    /// A name in this case. A name without words stays.
    pub(super) fn of(self, name: &Text) -> Text {
        let units: Vec<Unit> = name.units().collect();
        match self {
            Self::Lower => Text::from_units(units.into_iter().map(lower)),
            Self::Upper => Text::from_units(units.into_iter().map(upper)),
            Self::Snake | Self::Camel | Self::Pascal | Self::Kebab => {
                let words = words(&units);
                if words.is_empty() {
                    name.clone()
                } else {
                    Text::from_units(self.join(&words))
                }
            }
        }
    }

    fn join(self, words: &[Vec<Unit>]) -> impl Iterator<Item = Unit> + '_ {
        let separator = match self {
            Self::Snake => Some(Ok('_')),
            Self::Kebab => Some(Ok('-')),
            Self::Camel | Self::Pascal | Self::Lower | Self::Upper => None,
        };
        words.iter().enumerate().flat_map(move |(number, word)| {
            let capital = match self {
                Self::Pascal => true,
                Self::Camel => number > 0,
                Self::Snake | Self::Kebab | Self::Lower | Self::Upper => false,
            };
            let letters = word.iter().enumerate().map(move |(position, &unit)| {
                if capital && position == 0 {
                    upper(unit)
                } else {
                    lower(unit)
                }
            });
            separator.filter(|_| number > 0).into_iter().chain(letters)
        })
    }
}

fn lower(unit: Unit) -> Unit {
    unit.map(|character| character.to_ascii_lowercase())
}

fn upper(unit: Unit) -> Unit {
    unit.map(|character| character.to_ascii_uppercase())
}

/// Splits at `_`, `-`, space, before a capital behind a small letter or a digit, and before the last capital of a
/// run that a small letter follows. Empty words vanish.
fn words(units: &[Unit]) -> Vec<Vec<Unit>> {
    let is = |index: usize, test: fn(&char) -> bool| {
        units.get(index).is_some_and(|unit| unit.as_ref().is_ok_and(test))
    };
    let mut words: Vec<Vec<Unit>> = vec![Vec::new()];
    for (index, &unit) in units.iter().enumerate() {
        if matches!(unit, Ok('_' | '-' | ' ')) {
            words.push(Vec::new());
            continue;
        }
        let behind_small =
            index > 0 && (is(index - 1, char::is_ascii_lowercase) || is(index - 1, char::is_ascii_digit));
        let ends_run =
            index > 0 && is(index - 1, char::is_ascii_uppercase) && is(index + 1, char::is_ascii_lowercase);
        if is(index, char::is_ascii_uppercase) && (behind_small || ends_run) {
            words.push(Vec::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(unit);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_case(case: Case, name: &str) -> String {
        case.of(&name.into()).read().unwrap().into_owned()
    }

    #[test]
    fn words_are_found_at_separators_and_case_changes() {
        for (name, snake) in [
            ("customerId", "customer_id"),
            ("HTTPServer", "http_server"),
            ("address2Line", "address2_line"),
            ("line2", "line2"),
            ("_id", "id"),
            ("__", "__"),
            ("", ""),
            ("a-b c__d", "a_b_c_d"),
            ("userID", "user_id"),
            ("ABC", "abc"),
            ("A1B", "a1_b"),
            ("größeMax", "größe_max"),
        ] {
            assert_eq!(in_case(Case::Snake, name), snake, "{name}");
        }
    }

    #[test]
    fn each_case_joins_the_words_in_its_way() {
        assert_eq!(in_case(Case::Camel, "HTTP_server-name"), "httpServerName");
        assert_eq!(in_case(Case::Pascal, "http server"), "HttpServer");
        assert_eq!(in_case(Case::Kebab, "httpServer"), "http-server");
        assert_eq!(in_case(Case::Lower, "Ab_É"), "ab_É");
        assert_eq!(in_case(Case::Upper, "ab_é"), "AB_é");
    }
}
