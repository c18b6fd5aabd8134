//! What the room says of code, from the outside.

mod hostile;
mod pairs;
mod real;
