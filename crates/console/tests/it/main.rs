//! The console from outside: over its router, with a real ledger.

mod api;
mod forms;
mod house;
mod http;
mod pages;
mod people;
mod review;
