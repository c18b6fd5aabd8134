//! The gate over real sockets: TLS on loopback before it, a stand-in for Node-RED behind it on a
//! Unix socket, a real ledger and a real waiting room beside it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says no more than that it failed"
)]

mod cross_site;
mod deploying;
mod editor_comms;
mod editor_files;
mod express;
mod flood;
mod forwarding;
mod frames;
mod history;
mod house;
mod kiosk;
mod lasting;
mod lingering;
mod login;
mod node_red;
mod proxies;
mod recall;
mod recorder;
mod routes;
mod rules;
mod slow;
mod smuggling;
mod tls;
mod websockets;
mod wire;
