//! Where a message begins or ends in a file.

use dunlin_core::position::Position;

/// A place between two messages of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    /// In a file of lines where the line begins, in a container where the block begins.
    pub(crate) offset: u64,
    /// In a container, how many messages of that block stand before it; none in a file of lines.
    pub(crate) within: Option<u64>,
}

impl Spot {
    /// At the beginning of a line.
    pub(crate) const fn line(offset: u64) -> Self {
        Self { offset, within: None }
    }

    /// Behind so many messages of a block.
    pub(crate) const fn block(offset: u64, within: u64) -> Self {
        Self {
            offset,
            within: Some(within),
        }
    }

    /// The same spot, counted from so many bytes further ahead in the file.
    pub(crate) const fn behind(self, first: u64) -> Self {
        Self {
            offset: first + self.offset,
            within: self.within,
        }
    }

    /// The offset of a position here. That of a block is in the upper half.
    pub(crate) fn packed(self) -> u128 {
        match self.within {
            None => self.offset.into(),
            Some(within) => u128::from(self.offset) << 64 | u128::from(within),
        }
    }

    /// Where a position is, in a container or in a file of lines; none where it cannot be in such a file.
    pub(crate) fn of(position: &Position, in_container: bool) -> Option<Self> {
        if !in_container {
            return u64::try_from(position.offset).ok().map(Self::line);
        }
        let offset = u64::try_from(position.offset >> 64).ok()?;
        let within = u64::try_from(position.offset & u128::from(u64::MAX)).ok()?;
        Some(Self::block(offset, within))
    }
}
