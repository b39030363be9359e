//! How long a client waits before it tries a lost connection again: the same for every system.
//!
//! Each pause has some chance in it, so that many clients whose broker was restarted do not all come back at one moment. What
//! a *message* waits for is not decided here: a route that sends again keeps to the plan of its retries.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use crate::error::{Class, Error};

/// The pauses between attempts: twice as long each time, up to [`Pauses::LONGEST`].
#[derive(Clone, Debug)]
pub struct Pauses(Duration);

impl Pauses {
    /// The first pause, at most.
    pub const FIRST: Duration = Duration::from_millis(50);
    /// No pause is longer.
    pub const LONGEST: Duration = Duration::from_secs(5);

    /// Pauses from the beginning, as after a connection that worked.
    pub const fn new() -> Self {
        Self(Self::FIRST)
    }

    /// The next pause: between half of its length and all of it.
    pub fn longer(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(Self::LONGEST);
        with_chance(pause)
    }

    /// The next pause, after this error. What does not pass by itself is waited out at full length at once, so that haste
    /// with a wrong password locks no account.
    pub fn after(&mut self, error: &Error) -> Duration {
        if error.class() != Class::Temporary {
            self.0 = Self::LONGEST;
        }
        self.longer()
    }
}

impl Default for Pauses {
    fn default() -> Self {
        Self::new()
    }
}

fn with_chance(pause: Duration) -> Duration {
    // Every state of it begins with other keys; no generator of random numbers is needed for so little.
    let chance = RandomState::new().build_hasher().finish() % 256;
    let half = pause / 2;
    half + half * u32::try_from(chance).unwrap_or(0) / 256
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn pauses_double_up_to_the_longest_and_wrong_credentials_are_tried_slowly_at_once() {
        let gone = Error::new(ErrorKind::Disconnected, "connect", "the connection was lost");
        let mut pauses = Pauses::new();
        let mut expected = Pauses::FIRST;
        for _ in 0..12 {
            let pause = pauses.after(&gone);
            assert!(
                pause >= expected / 2 && pause <= expected,
                "{pause:?} of {expected:?}"
            );
            expected = (expected * 2).min(Pauses::LONGEST);
        }
        let refused = Error::new(ErrorKind::AccessDenied, "connect", "no");
        let mut pauses = Pauses::new();
        assert!(pauses.after(&refused) >= Pauses::LONGEST / 2);
        assert!(pauses.longer() >= Pauses::LONGEST / 2);
    }
}
