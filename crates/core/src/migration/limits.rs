//! The bounds within which a message is migrated.

/// How deep a document may be, on arrival and on leaving, and how large on arrival and between operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    depth: usize,
    /// The size of a payload on arrival, in bytes.
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

    /// The size, in bytes of compact JSON, that a document may have behind a transformation, and that one
    /// transformation may add: four times the size of a payload, and 1 MiB at least.
    ///
    /// Without it a message of some bytes could take any amount of memory: twenty copies of a value into itself make
    /// a million.
    #[must_use]
    pub const fn working_size(&self) -> usize {
        const LEAST: usize = 1024 * 1024;
        let size = self.size.saturating_mul(4);
        if size > LEAST { size } else { LEAST }
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
