//! Names: of files, of migrations, of transformations.

use std::cmp::Ordering;

use crate::finding::{Finding, Place};

/// The longest id of a transformation, in bytes: it travels in a header, and stands in every report.
pub const MOST_ID_BYTES: usize = 200;

/// The longest name of a migration, in characters.
const MOST_NAME_CHARACTERS: usize = 64;

/// Whether a text is a legal name of a migration: `[a-z0-9][a-z0-9._-]{0,63}`.
pub fn is_migration_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.bytes().next().is_some_and(fits)
        && name.len() <= MOST_NAME_CHARACTERS
        && name
            .bytes()
            .all(|byte| fits(byte) || matches!(byte, b'.' | b'_' | b'-'))
}

/// Why a text is no id of a transformation, or nothing if it is one.
pub(super) fn fault_of_id(id: &str) -> Option<String> {
    if id.is_empty() {
        Some("expected an id, found an empty string".to_owned())
    } else if id.len() > MOST_ID_BYTES {
        Some(format!(
            "expected an id of at most {MOST_ID_BYTES} bytes, found {}",
            id.len()
        ))
    } else if id.chars().any(char::is_control) {
        Some("expected an id without control characters".to_owned())
    } else {
        None
    }
}

/// Why a name means nothing below the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unresolved {
    message: &'static str,
    help: Option<&'static str>,
}

impl Unresolved {
    const fn of(message: &'static str) -> Self {
        Self { message, help: None }
    }

    /// The finding about it.
    pub(super) fn at(self, place: &Place) -> Finding {
        let finding = Finding::error(place, self.message);
        match self.help {
            Some(help) => finding.help(help),
            None => finding,
        }
    }
}

/// The name below the root that a relative name means in a file.
///
/// # Errors
/// What is wrong with it: not relative, a backslash, out of the root.
pub(super) fn resolve(file: &str, relative: &str) -> Result<String, Unresolved> {
    let refuse = |message| Err(Unresolved::of(message));
    if relative.is_empty() {
        return refuse("expected the name of a file or folder, found an empty string");
    }
    let is_drive = relative.as_bytes().get(1) == Some(&b':');
    if relative.starts_with('/') || is_drive {
        return refuse("expected a name relative to this file, found an absolute one");
    }
    if relative.contains('\\') {
        return refuse("expected `/` between the parts of the name, found a backslash");
    }
    if relative.chars().any(char::is_control) {
        return refuse("expected a name without control characters");
    }
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return Err(Unresolved {
                        message: "the name leaves the project's root",
                        help: Some(
                            "the root is the folder that `--root` names, else the nearest one with a `dunlin.yaml`, else the \
                             migration's own; name one that holds both files",
                        ),
                    });
                }
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// The last part of a file's name, without its extension: the id of a file that states none.
pub(super) fn stem(name: &str) -> &str {
    let file = name.rsplit_once('/').map_or(name, |(_, file)| file);
    match file.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => file,
    }
}

/// The order in which a person would list names: digits count as the number they stand for, `2-b` before `10-a`.
///
/// Names that differ in leading zeros only are ordered by their bytes, so that the order is always the same.
pub fn natural_order(left: &str, right: &str) -> Ordering {
    let (mut a, mut b) = (left, right);
    loop {
        let (Some(first), Some(second)) = (a.chars().next(), b.chars().next()) else {
            return a.len().cmp(&b.len()).then_with(|| left.cmp(right));
        };
        if first.is_ascii_digit() && second.is_ascii_digit() {
            let (number, rest) = leading_number(a);
            let (other, other_rest) = leading_number(b);
            // Without leading zeros the longer number is the greater.
            let order = number.len().cmp(&other.len()).then_with(|| number.cmp(other));
            if order.is_ne() {
                return order;
            }
            (a, b) = (rest, other_rest);
        } else if first == second {
            (a, b) = (&a[first.len_utf8()..], &b[second.len_utf8()..]);
        } else {
            return first.cmp(&second);
        }
    }
}

/// The digits at the beginning, without leading zeros, and what follows.
fn leading_number(text: &str) -> (&str, &str) {
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    (text[..end].trim_start_matches('0'), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_in_names_are_ordered_as_numbers() {
        let mut names = [
            "10-a",
            "2-b",
            "a10",
            "a9",
            "02-a",
            "B",
            "a",
            "1",
            "00123456789012345678901",
            "a1b10",
            "a1b9",
        ];
        names.sort_by(|left, right| natural_order(left, right));
        assert_eq!(
            names,
            [
                "1",
                "02-a",
                "2-b",
                "10-a",
                "00123456789012345678901",
                "B",
                "a",
                "a1b9",
                "a1b10",
                "a9",
                "a10"
            ]
        );
        assert_eq!(natural_order("01", "1"), Ordering::Less);
        assert_eq!(natural_order("1", "1"), Ordering::Equal);
    }

    #[test]
    fn names_are_relative_to_their_file_and_stay_below_the_root() {
        let resolved = |file, name| resolve(file, name).ok();
        assert_eq!(resolved("a/b.yaml", "c.yaml").as_deref(), Some("a/c.yaml"));
        assert_eq!(resolved("a/b.yaml", "./c//d.yaml").as_deref(), Some("a/c/d.yaml"));
        assert_eq!(resolved("a/b.yaml", "../c.yaml").as_deref(), Some("c.yaml"));
        assert_eq!(resolved("b.yaml", "later/").as_deref(), Some("later"));
        assert_eq!(resolved("b.yaml", ".").as_deref(), Some(""));
        for out in ["../x", "a/../../x", "/etc/passwd", "C:/x", "a\\b", "", "a\0b"] {
            assert!(resolve("b.yaml", out).is_err(), "{out:?}");
        }
        assert_eq!(
            resolve("a/b.yaml", "../../x").unwrap_err().message,
            "the name leaves the project's root"
        );
    }

    #[test]
    fn names_of_migrations_follow_their_grammar() {
        for name in ["a", "0", "orders", "orders.v2_x-y", &"a".repeat(64)] {
            assert!(is_migration_name(name), "{name}");
        }
        for name in [
            "",
            ".a",
            "-a",
            "_a",
            "Orders",
            "a b",
            "é",
            "a/b",
            "a@1",
            &"a".repeat(65),
        ] {
            assert!(!is_migration_name(name), "{name}");
        }
    }

    #[test]
    fn the_stem_of_a_name_is_the_id_of_its_file() {
        assert_eq!(stem("a/0002-locality.yaml"), "0002-locality");
        assert_eq!(stem("a.b.json"), "a.b");
        assert_eq!(stem(".yaml"), ".yaml");
    }
}
