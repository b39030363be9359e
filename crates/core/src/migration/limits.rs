//! The bounds within which a message is migrated.

/// How large a document may be, on arrival and on leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    depth: usize,
    /// The size of a payload, in bytes.
    pub size: usize,
}

impl Limits {
    /// The greatest depth that can be asked for.
    ///
    /// Operations walk documents with one stack frame per level; this keeps them far from the end of a thread's stack.
    pub const MOST_DEPTH: usize = 256;

    /// The depth that a document may have between two operations. What leaves is held to [`depth`](Self::depth);
    /// this one only keeps a chain of operations, or one `expand` of a hostile name, from exhausting the stack.
    pub(crate) const WORKING_DEPTH: usize = 512;

    /// Limits of this depth, in open containers, and this size, in bytes. `None` for a depth beyond
    /// [`MOST_DEPTH`](Self::MOST_DEPTH).
    #[must_use]
    pub const fn new(depth: usize, size: usize) -> Option<Self> {
        if depth <= Self::MOST_DEPTH {
            Some(Self { depth, size })
        } else {
            None
        }
    }

    /// The number of containers that may be open at once.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.depth
    }
}

impl Default for Limits {
    /// 128 open containers, 16 MiB.
    fn default() -> Self {
        Self {
            depth: 128,
            size: 16 * 1024 * 1024,
        }
    }
}
