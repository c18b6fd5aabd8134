//! Where an address is, in the words of the rules.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{AccessRules, NetworkName, Source, network};

impl AccessRules {
    /// Whether `address` is in one of `sources`; also when there are none.
    pub fn is_within(&self, sources: &[Source], address: IpAddr) -> bool {
        let is_from = |source: &Source| match source {
            Source::Block(block) => network::holds(block, address),
            Source::Named(name) => self
                .networks
                .get(name)
                .is_some_and(|blocks| blocks.iter().any(|it| network::holds(it, address))),
        };
        sources.is_empty() || sources.iter().any(is_from)
    }

    /// The named network `address` is in; of several the one with the smallest block.
    pub fn network_of(&self, address: IpAddr) -> Option<&NetworkName> {
        let blocks = self
            .networks
            .iter()
            .flat_map(|(name, blocks)| blocks.iter().map(move |block| (name, block)));
        blocks
            .filter(|(_, block)| network::holds(block, address))
            .max_by_key(|(_, block)| smallness(block))
            .map(|(name, _)| name)
    }
}

/// How small a block is: how few bits it leaves open.
fn smallness(block: &IpNet) -> i16 {
    i16::from(block.prefix_len()) - i16::from(block.max_prefix_len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_the_smallest_network_that_holds_it() {
        let text =
            r#"{"networks":{"site":["10.0.0.0/8","2001:db8::/32"],"office":["10.1.0.0/16"]}}"#;
        let rules: AccessRules = serde_json::from_str(text).unwrap();
        let name = |address: &str| {
            let found = rules.network_of(address.parse().unwrap());
            found.map(NetworkName::as_str)
        };
        assert_eq!(name("10.1.2.3"), Some("office"));
        assert_eq!(name("::ffff:10.1.2.3"), Some("office"));
        assert_eq!(name("10.2.2.3"), Some("site"));
        assert_eq!(name("2001:db8::1"), Some("site"));
        assert_eq!(name("192.0.2.1"), None);
    }

    #[test]
    fn a_network_nobody_defined_holds_nobody() {
        let sources = ["gone".parse().unwrap()];
        let address = "10.1.2.3".parse().unwrap();
        assert!(!AccessRules::default().is_within(&sources, address));
        assert!(AccessRules::default().is_within(&[], address));
    }
}
