//! The jail from outside: built by the real binary, on this kernel, around a real Node.js.
//!
//! Every test runs for each way a jail can be had: as root, as an ordinary user with a user
//! namespace, and for both without namespaces. Needs root, to be all of these.

#[cfg(test)]
mod canary;
#[cfg(test)]
mod confinement;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod lifetime;
#[cfg(test)]
mod loosened;
#[cfg(test)]
mod observed;
