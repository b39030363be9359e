//! Which engine takes messages through a migration, as the command line says it.

use clap::ValueEnum;
use dunlin_core::migration::fused;

/// The engines. Both give the same results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// The chain compiled into one pass over the bytes, where it can be
    #[default]
    Fused,
    /// The reference interpreter, operation by operation
    Interpreter,
}

impl From<Engine> for fused::Engine {
    fn from(engine: Engine) -> Self {
        match engine {
            Engine::Fused => Self::Fused,
            Engine::Interpreter => Self::Interpreter,
        }
    }
}
