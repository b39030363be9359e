//! Every key of the configuration, once: what may stand there, its default, its unit, its meaning.
//!
//! The check of what was typed, the defaults, the JSON Schema for editors and the table in the docs are all made from this
//! list, so that none of them can say something else than the others. A test holds it and the structs of the configuration
//! equal.

mod list;

pub use list::KEYS;

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Key {
    /// Its path from the top; `*` stands for a name that people choose, and for a place in a list.
    pub path: &'static str,
    /// What may stand there.
    pub kind: Kind,
    /// What holds where it is left out.
    pub default: Default,
    /// What a number counts; empty where there is none.
    pub unit: &'static str,
    /// What it does, in one or two sentences.
    pub meaning: &'static str,
}

/// What may stand at a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An object.
    Table,
    /// A channel: `system/channel`, or an object.
    End,
    /// A file, or a list of objects.
    Migrations,
    /// An object, or `off` for all of it.
    Switches,
    /// Any text.
    Text,
    /// A text that is filled in when it is used, so that a file named in it is read again.
    Readable,
    /// The same, never printed.
    Secret,
    /// A list of texts.
    Texts,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number.
    Count {
        /// The least that is taken.
        least: u64,
        /// The most that is taken.
        most: u64,
    },
    /// A whole number from 1, or `off`.
    CountOrOff,
    /// A number above 0 and at most 1, or `off`.
    ShareOrOff,
    /// A number of bytes, with a unit or without.
    Size,
    /// A length of time with its unit.
    Pause,
    /// `earliest`, `latest`, a time or a position.
    Start,
}

/// What holds where a key is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// It must be there.
    Required,
    /// Nothing.
    None,
    /// This, as it would be typed.
    Is(&'static str),
    /// Something that these words describe.
    Described(&'static str),
}

/// The key at a path of names; names that people choose stand there as they are.
pub fn at(path: &[&str]) -> Option<&'static Key> {
    KEYS.iter().find(|key| {
        let mut segments = key.path.split('.');
        path.iter().all(|name| {
            segments
                .next()
                .is_some_and(|segment| segment == "*" || segment == *name)
        }) && segments.next().is_none()
    })
}

/// The keys directly below a pattern of the list; below the empty one, those of the top.
pub fn below(pattern: &str) -> impl Iterator<Item = (&'static str, &'static Key)> {
    KEYS.iter().filter_map(move |key| {
        let rest = match pattern {
            "" => key.path,
            _ => key.path.strip_prefix(pattern)?.strip_prefix('.')?,
        };
        (!rest.contains('.')).then_some((rest, key))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_stands_once_and_behind_the_one_it_is_part_of() {
        for (place, key) in KEYS.iter().enumerate() {
            assert!(
                KEYS[..place].iter().all(|other| other.path != key.path),
                "{} stands twice",
                key.path
            );
            if let Some((parent, _)) = key.path.rsplit_once('.') {
                assert!(
                    KEYS[..place].iter().any(|other| other.path == parent),
                    "{} has no parent",
                    key.path
                );
            }
        }
    }

    #[test]
    fn a_key_is_found_by_the_names_that_people_chose() {
        let path = |path: &[&str]| at(path).map(|key| key.path);
        assert_eq!(path(&["routes", "orders", "window"]), Some("routes.*.window"));
        assert_eq!(
            path(&["systems", "a.b", "settings", "x.y"]),
            Some("systems.*.settings.*")
        );
        assert_eq!(path(&["routes", "orders", "windwo"]), None);
        assert_eq!(path(&[]), None);
    }

    #[test]
    fn the_keys_below_a_pattern_are_its_own_members() {
        let names: Vec<_> = below("routes.*.breaker").map(|(name, _)| name).collect();
        assert_eq!(names, ["row", "share"]);
        let names: Vec<_> = below("").map(|(name, _)| name).collect();
        assert_eq!(names, ["systems", "registries", "secrets", "routes"]);
        let names: Vec<_> = below("secrets").map(|(name, _)| name).collect();
        assert_eq!(names, ["*"]);
    }
}
