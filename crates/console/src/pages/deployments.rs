//! The queue and the review.

pub(crate) mod close;
pub(crate) mod comment;
pub(crate) mod confirm;
pub(crate) mod decide;
pub(crate) mod emergency;
pub(crate) mod list;
pub(crate) mod rebase;
pub(crate) mod reject;
pub(crate) mod risk;
pub(crate) mod show;
pub(crate) mod step;
pub(crate) mod together;
pub(crate) mod touch;
pub(crate) mod view;
