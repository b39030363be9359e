//! The loop of a route, over the in-process system, with a clock that only the test moves.

mod bridge;
mod crash;
mod failing;
mod faulty;
mod hostile;
mod migrating;
mod order;
mod overlap;
mod registry;
mod stand;
mod stop;
