//! Finding a name among those that operations name, and guessing it from the messages before.

use super::scan::Scanner;
use super::simd::{self, WINDOW};

/// The names of one object, looked up by length, first and last byte.
#[derive(Debug)]
pub(super) struct Names {
    all: Vec<Box<[u8]>>,
    /// The place of the name for each value of the hash; `NONE` where there is none.
    table: Box<[u8; 256]>,
    last_factor: u8,
    length_factor: u8,
    /// No factors keep the names apart: they are compared one after the other.
    is_crowded: bool,
}

/// The place of a name that nobody names.
pub(super) const NONE: u8 = u8::MAX;

impl Default for Names {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Names {
    /// At most 255 names.
    pub(super) fn new(all: Vec<Box<[u8]>>) -> Self {
        let mut names = Self {
            all,
            table: Box::new([NONE; 256]),
            last_factor: 1,
            length_factor: 1,
            is_crowded: false,
        };
        let factors = (0..=u8::MAX).flat_map(|last| [7, 13, 31, 59].map(|length| (last, length)));
        for (last_factor, length_factor) in factors {
            (names.last_factor, names.length_factor) = (last_factor, length_factor);
            if names.fill() {
                return names;
            }
        }
        names.is_crowded = true;
        names
    }

    fn fill(&mut self) -> bool {
        self.table.fill(NONE);
        for (place, name) in self.all.iter().enumerate() {
            let hash = usize::from(self.hash(name));
            if self.table[hash] != NONE {
                return false;
            }
            self.table[hash] = u8::try_from(place).unwrap_or(NONE);
        }
        true
    }

    #[inline(always)]
    fn hash(&self, name: &[u8]) -> u8 {
        let (Some(first), Some(last)) = (name.first(), name.last()) else {
            return 0;
        };
        let [length, ..] = name.len().to_le_bytes();
        first
            .wrapping_add(last.wrapping_mul(self.last_factor))
            .wrapping_add(length.wrapping_mul(self.length_factor))
    }

    /// The place of a name, as it stands between its quotes.
    #[inline(always)]
    pub(super) fn find(&self, name: &[u8]) -> u8 {
        if self.is_crowded {
            return self.search(name);
        }
        let place = self.table[usize::from(self.hash(name))];
        match self.all.get(usize::from(place)) {
            Some(found) if **found == *name => place,
            Some(_) | None => NONE,
        }
    }

    #[inline(never)]
    fn search(&self, name: &[u8]) -> u8 {
        let place = self.all.iter().position(|own| **own == *name);
        place.and_then(|place| u8::try_from(place).ok()).unwrap_or(NONE)
    }
}

/// The names of one object in the order in which they came before.
///
/// It only saves looking up what has been looked up before: a name counts as found where the very bytes of a name in
/// quotes, with its colon, stand in the document. It is learned by one worker, and never changes a result.
#[derive(Debug, Default)]
pub(super) struct Order(Vec<Guess>);

#[derive(Debug)]
struct Guess {
    /// The name in quotes, with its colon.
    bytes: [u8; WINDOW],
    /// Which of the bytes count.
    mask: u32,
    length: u8,
    place: u8,
}

impl Order {
    /// As many names as are remembered.
    const MOST: usize = 48;
    /// How many names may be missing in a row before one is looked up.
    const AHEAD: usize = 3;

    /// The place of the name that begins at `at`, and the position behind its colon; `cursor` goes on behind it.
    #[inline(always)]
    pub(super) fn guess(&self, bytes: &[u8], at: usize, cursor: &mut usize) -> Option<(u8, usize)> {
        let chunk = bytes.get(at..)?.first_chunk::<WINDOW>()?;
        let guess = self.0.get(*cursor)?;
        if simd::matches(chunk, &guess.bytes, guess.mask) {
            *cursor += 1;
            return Some((guess.place, at + usize::from(guess.length)));
        }
        self.guess_ahead(chunk, at, cursor)
    }

    #[inline(never)]
    fn guess_ahead(&self, chunk: &[u8; WINDOW], at: usize, cursor: &mut usize) -> Option<(u8, usize)> {
        let ahead = self.0.iter().enumerate().skip(*cursor + 1).take(Self::AHEAD);
        for (index, guess) in ahead {
            if simd::matches(chunk, &guess.bytes, guess.mask) {
                *cursor = index + 1;
                return Some((guess.place, at + usize::from(guess.length)));
            }
        }
        None
    }

    /// Learns a name that was not guessed; `at` is where it begins, `end` is behind its closing quote.
    #[inline(never)]
    pub(super) fn learn(
        &mut self,
        scanner: &Scanner<'_>,
        at: usize,
        end: usize,
        place: u8,
        cursor: &mut usize,
    ) {
        let length = end + 1 - at;
        if scanner.byte(end) != b':' || length > WINDOW {
            return;
        }
        let mut bytes = [0; WINDOW];
        bytes[..length].copy_from_slice(&scanner.bytes[at..=end]);
        if let Some(known) = self.0.iter().position(|guess| guess.bytes == bytes) {
            *cursor = known + 1;
            return;
        }
        if self.0.len() >= Self::MOST || *cursor > self.0.len() {
            return;
        }
        let guess = Guess {
            bytes,
            mask: (1 << length) - 1,
            length: u8::try_from(length).unwrap_or(0),
            place,
        };
        self.0.insert(*cursor, guess);
        *cursor += 1;
    }
}
