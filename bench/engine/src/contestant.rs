//! Who takes part.

/// A way to do the work of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contestant {
    /// The generic tier of the fused engine: each message read once, nothing known of the objects in it.
    Generic,
    /// The fused engine as it is: objects are compared with those that came before.
    Shape,
    /// The generic tier, and a look at the outcome of each transformation.
    Outcomes,
    /// The fused engine as a route calls it: a message in, a message of its own and all outcomes out.
    Whole,
    /// Our own reader, which checks the document and does nothing with it.
    Validate,
    /// The reference interpreter.
    Interpreter,
    /// `serde_json` reading into `IgnoredAny`.
    Ignored,
    /// `serde_json::Value`.
    Value,
    /// `simd_json::BorrowedValue`.
    Simd,
    /// `sonic_rs::Value`.
    Sonic,
}

impl Contestant {
    /// Those of our own.
    pub(crate) const OURS: [Self; 6] = [
        Self::Generic,
        Self::Shape,
        Self::Outcomes,
        Self::Whole,
        Self::Validate,
        Self::Interpreter,
    ];

    /// Those of other libraries.
    pub(crate) const RIVALS: [Self; 4] = [Self::Ignored, Self::Value, Self::Simd, Self::Sonic];

    /// Its name on a command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Shape => "shape",
            Self::Outcomes => "outcomes",
            Self::Whole => "whole",
            Self::Validate => "validate",
            Self::Interpreter => "interpreter",
            Self::Ignored => "ignored",
            Self::Value => "value",
            Self::Simd => "simd",
            Self::Sonic => "sonic",
        }
    }

    /// The head of its column.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Shape => "shape",
            Self::Outcomes => "with outcomes",
            Self::Whole => "as in a route",
            Self::Validate => "validate only",
            Self::Interpreter => "interpreter",
            Self::Ignored => "`IgnoredAny`",
            Self::Value => "`serde_json::Value`",
            Self::Simd => "simd-json",
            Self::Sonic => "sonic-rs",
        }
    }

    /// Whether it is another library's, which runs in the rivals' process.
    pub(crate) fn is_rival(self) -> bool {
        Self::RIVALS.contains(&self)
    }
}
