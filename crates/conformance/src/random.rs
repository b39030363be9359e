//! Seeded chance: the same seed gives the same run, on every machine.

/// A small generator (SplitMix64). It is no source of secrets.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Begins at this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 where `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        match u64::try_from(end) {
            Ok(end) if end > 0 => usize::try_from(self.number() % end).unwrap_or(0),
            _ => 0,
        }
    }

    /// True so many times out of a hundred.
    pub fn percent(&mut self, chance: u8) -> bool {
        self.below(100) < usize::from(chance)
    }

    /// Brings a list into another order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for place in (1..list.len()).rev() {
            list.swap(place, self.below(place + 1));
        }
    }

    /// Bytes of any value.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.number().to_le_bytes()[0]).collect()
    }

    /// Lower-case letters and digits.
    pub fn text(&mut self, count: usize) -> String {
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        (0..count)
            .map(|_| char::from(LETTERS[self.below(LETTERS.len())]))
            .collect()
    }
}
