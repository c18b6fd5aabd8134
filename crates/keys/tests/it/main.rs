//! The keys process as a real process: what it holds, who can reach it, and what becomes of it.

mod hostile;
mod house;
mod killed;
mod takeover;
mod walls;
