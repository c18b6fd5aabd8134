//! Limits: on everything a client can make us hold.

pub(crate) mod rate;

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Every limit of a door. The defaults suit a site with some tens of people and panels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time.
    pub connections_max: usize,
    /// Connections at a time from one address (IPv6: one /64).
    pub connections_per_address_max: usize,
    /// From the first byte to the end of the TLS handshake.
    pub handshake: Duration,
    /// From the first to the last byte of a request's head.
    pub header_read: Duration,
    /// Bytes of a request's head.
    pub header_bytes_max: usize,
    /// Lines of a request's head.
    pub headers_max: usize,
    /// How long a connection without a request stays open.
    pub idle: Duration,
    /// How long a client may take none of what it is sent.
    pub stall: Duration,
    /// HTTP/2 requests at a time on one connection.
    pub streams_max: u32,
    /// HTTP/2 frames on one connection that carry nothing (pings, settings, resets, window updates):
    /// so many at once, and as many again within a minute.
    pub frames_max: u32,
    /// How long requests may still run when the door closes.
    pub drain: Duration,
    /// Requests at a time of one user.
    pub requests_per_user_max: usize,
    /// Requests at a time from one address without a login.
    pub requests_per_address_max: usize,
    /// `WebSocket` connections of one user.
    pub sockets_per_user_max: usize,
    /// Bytes of a flows body and of a library entry.
    pub flows_bytes_max: usize,
    /// Bytes of any other body to the admin API.
    pub body_bytes_max: usize,
    /// Bytes of a body to an endpoint.
    pub endpoint_bytes_max: usize,
    /// How long reading a body that is inspected may take.
    pub body_read: Duration,
    /// How long the rest of a body that is not wanted is waited for before the answer is sent.
    pub rest: Duration,
    /// Bytes of such a rest that are read; whoever sends more is cut off.
    pub rest_bytes_max: usize,
    /// How long Node-RED may take to begin its answer.
    pub answer: Duration,
    /// Bytes of an answer that is changed on its way.
    pub patched_bytes_max: usize,
    /// Bytes of one frame of the editor's WebSocket, from Node-RED.
    pub frame_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            connections_per_address_max: 256,
            handshake: Duration::from_secs(10),
            header_read: Duration::from_secs(15),
            header_bytes_max: 32 * 1024,
            headers_max: 100,
            idle: Duration::from_mins(2),
            stall: Duration::from_mins(1),
            streams_max: 128,
            frames_max: 1000,
            drain: Duration::from_secs(10),
            requests_per_user_max: 256,
            requests_per_address_max: 64,
            sockets_per_user_max: 64,
            flows_bytes_max: 5 << 20,
            body_bytes_max: 64 << 10,
            endpoint_bytes_max: 16 << 20,
            body_read: Duration::from_mins(1),
            rest: Duration::from_secs(1),
            rest_bytes_max: 256 << 10,
            answer: Duration::from_mins(2),
            patched_bytes_max: 4 << 20,
            frame_bytes_max: 4 << 20,
        }
    }
}

/// Counts places by key, and refuses more than so many. Holds only keys in use, so that no number
/// of addresses makes it grow.
#[derive(Debug)]
pub(crate) struct Places<K: Eq + Hash + Clone>(Arc<Mutex<HashMap<K, usize>>>);

impl<K: Eq + Hash + Clone> Default for Places<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// A place taken; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place<K: Eq + Hash + Clone> {
    key: K,
    places: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Eq + Hash + Clone> Places<K> {
    /// A place for `key`, unless it has `max` already.
    pub(crate) fn take(&self, key: K, max: usize) -> Option<Place<K>> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = places.entry(key.clone()).or_insert(0);
        if *count >= max {
            if *count == 0 {
                places.remove(&key);
            }
            return None;
        }
        *count += 1;
        Some(Place {
            key,
            places: Arc::clone(&self.0),
        })
    }
}

impl<K: Eq + Hash + Clone> Drop for Place<K> {
    fn drop(&mut self) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = places.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                places.remove(&self.key);
            }
        }
    }
}

/// The network an address stands for: an IPv6 client owns a whole /64.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & (u128::MAX << 64)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_run_out_and_come_back() {
        let places = Places::default();
        let first = places.take("a", 2);
        let second = places.take("a", 2);
        assert!(first.is_some() && second.is_some());
        assert!(places.take("a", 2).is_none());
        assert!(places.take("b", 2).is_some());
        drop(first);
        assert!(places.take("a", 2).is_some());
        drop(second);
        assert!(
            places.0.lock().unwrap().is_empty(),
            "unused keys are forgotten"
        );
        assert!(places.take("a", 0).is_none());
        assert!(places.0.lock().unwrap().is_empty());
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        assert_eq!(
            network("2001:db8::1".parse().unwrap()),
            network("2001:db8::2:1".parse().unwrap())
        );
        assert_ne!(
            network("2001:db8::1".parse().unwrap()),
            network("2001:db8:0:1::1".parse().unwrap())
        );
        assert_eq!(
            network("::ffff:192.0.2.1".parse().unwrap()),
            network("192.0.2.1".parse().unwrap())
        );
    }
}
