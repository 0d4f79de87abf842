//! Figures and how they are shown.

pub(crate) mod ratio;
pub(crate) mod row;
pub(crate) mod table;
