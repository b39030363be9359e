//! What a setting is called, what it does, and where it may stand.

/// One documented setting of an adapter: the table in the docs and the check of unknown names come from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingFact {
    /// Its name.
    pub name: &'static str,
    /// Its default as it would be typed, or a word for why there is none.
    pub default: &'static str,
    /// What it does, with its unit, in one sentence.
    pub meaning: &'static str,
    /// Whether it can stand at one end, too, or only at the system.
    pub at_end: bool,
}

impl SettingFact {
    /// A setting that may stand at the system, for all of its ends, and at one end, where it goes in front.
    pub const fn at_end(name: &'static str, default: &'static str, meaning: &'static str) -> Self {
        Self {
            name,
            default,
            meaning,
            at_end: true,
        }
    }

    /// A setting that may stand at the system alone: all of its ends share what it decides.
    pub const fn at_system(name: &'static str, default: &'static str, meaning: &'static str) -> Self {
        Self {
            at_end: false,
            ..Self::at_end(name, default, meaning)
        }
    }
}
