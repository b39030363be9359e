//! What a scenario is, what it cannot do without, and what it does to others that run at the same time.

use dunlin_core::Capabilities;
use dunlin_core::messaging::Resolved;
use futures_util::future::LocalBoxFuture;

use crate::bench::Bench;
use crate::oracle::Tally;
use crate::stand::{Hook, Stand};
use crate::suite::Checked;

/// One scenario of the suite.
pub(crate) struct Scenario {
    /// `K…` for the contract's own checks, `C…` for the rest.
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) needs: &'static [Need],
    pub(crate) run: Run,
    alone: bool,
    /// One pass may be luck: it is run several times, with another seed each.
    pub(crate) repeated: bool,
    /// What is logged while it runs can be read by it.
    pub(crate) recorded: bool,
}

/// The work of a scenario. It stays on one thread; what the system starts may run on others.
pub(crate) type Run = for<'a> fn(&'a Bench<'a>) -> LocalBoxFuture<'a, Checked<Tally>>;

/// What a scenario cannot do without.
pub(crate) enum Need {
    /// A capability of the channel, by its name.
    Capability(&'static str, fn(&Capabilities) -> bool),
    /// A hook of the stand.
    Hook(Hook),
    /// An address that is not routed.
    Unroutable,
    /// A message that the channel refuses on its own: too large, with a header that it cannot carry, or not routed.
    BadMessage,
    /// A limit of the payload: of the suite's choice, or the channel's own.
    PayloadLimit,
}

/// The largest payload that a scenario makes in order to have it refused, in bytes.
const LARGEST: usize = 32 << 20;

impl Scenario {
    pub(crate) fn new(id: &'static str, name: &'static str, needs: &'static [Need], run: Run) -> Self {
        Self {
            id,
            name,
            needs,
            run,
            alone: false,
            repeated: false,
            recorded: false,
        }
    }

    /// Nothing else may run beside it, for a reason that its needs do not show.
    pub(crate) fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// It is run several times.
    pub(crate) fn repeated(mut self) -> Self {
        self.repeated = true;
        self
    }

    /// It reads what is logged meanwhile.
    pub(crate) fn recorded(mut self) -> Self {
        self.recorded = true;
        self
    }

    /// Why this stand cannot run it; none if it can.
    pub(crate) fn missing(&self, stand: &dyn Stand, resolved: &Resolved) -> Option<String> {
        self.needs.iter().find_map(|need| need.missing(stand, resolved))
    }

    /// Whether it does something to the whole broker, so that any other scenario would feel it.
    pub(crate) fn is_alone(&self) -> bool {
        self.alone || self.needs.iter().any(Need::disturbs)
    }
}

impl Need {
    fn missing(&self, stand: &dyn Stand, resolved: &Resolved) -> Option<String> {
        match self {
            Self::Capability(name, has) => {
                (!has(&resolved.capabilities)).then(|| format!("the channel has no {name}"))
            }
            Self::Hook(hook) => {
                (!stand.hooks().contains(hook)).then(|| format!("the stand offers no {hook}"))
            }
            Self::Unroutable => {
                (stand.unroutable().is_none()).then(|| "every address is routed here".to_owned())
            }
            Self::BadMessage => (Bench::bad_message(stand, resolved).is_none())
                .then(|| "the channel refuses no message of its own accord".to_owned()),
            Self::PayloadLimit => (!stand.hooks().contains(&Hook::Limit)
                && payload_limit(resolved).is_none())
            .then(|| "no payload is too large for the channel, and the stand offers no limit".to_owned()),
        }
    }

    fn disturbs(&self) -> bool {
        match self {
            Self::Hook(hook) => match hook {
                Hook::Restart
                | Hook::Cut
                | Hook::DropFlow
                | Hook::HoldConfirms
                | Hook::Credentials
                | Hook::Clock => true,
                Hook::Trim | Hook::Delete | Hook::Group | Hook::Tls | Hook::Limit | Hook::Process => false,
            },
            Self::Capability(..) | Self::Unroutable | Self::BadMessage | Self::PayloadLimit => false,
        }
    }
}

/// The channel's own limit, where a payload above it can be made without hurting the machine.
pub(crate) fn payload_limit(resolved: &Resolved) -> Option<usize> {
    resolved.limits.payload.filter(|limit| *limit <= LARGEST)
}
