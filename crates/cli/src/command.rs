//! The commands, one file each: what can be typed behind the name, and what it does.

pub(crate) mod apply;
pub(crate) mod check;
pub(crate) mod compat;
pub(crate) mod completions;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod invert;
pub(crate) mod lock;
pub(crate) mod look;
pub(crate) mod man;
pub(crate) mod new;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod systems;
pub(crate) mod test;
