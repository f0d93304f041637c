//! Which addresses a stranger may send us to: those that the whole Internet can reach, and the
//! networks that the operator opened.
//!
//! The lists are IANA's special-purpose registries (RFC 6890 and its updates), read as "not
//! globally reachable". For IPv6 the rule is turned round: only 2000::/3 has been given out for
//! global use, so everything outside of it is refused, present and future special ranges alike.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::settings::Opened;

/// IPv4 networks that are not globally reachable: address and prefix length.
const CLOSED_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Parts of 2000::/3 that are not globally reachable, or hide an IPv4 address: Teredo and the
/// other protocol assignments, documentation, 6to4.
const CLOSED_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

const GIVEN_OUT: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// The rules in force.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    opened: Vec<Opened>,
}

impl Rules {
    /// Rules under which this is open although it is private.
    pub fn new(opened: Vec<Opened>) -> Self {
        Self { opened }
    }

    /// Whether a stranger may send us to this address, on every port that is not closed to all.
    pub fn allow(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => self.opens(address) || is_global_v4(v4),
            IpAddr::V6(v6) => self.opens(address) || self.allow_v6(v6),
        }
    }

    fn allow_v6(&self, address: Ipv6Addr) -> bool {
        if let Some(inner) = address.to_ipv4_mapped() {
            // A system may connect to the IPv4 address within; nobody needs to write a public
            // one this way, so only what the operator opened is let through.
            return self.opens(IpAddr::V4(inner));
        }
        if within_v6(address, NAT64) {
            let [.., a, b, c, d] = address.octets();
            return self.allow(IpAddr::V4(Ipv4Addr::new(a, b, c, d)));
        }
        within_v6(address, GIVEN_OUT) && !CLOSED_V6.iter().any(|net| within_v6(address, *net))
    }

    fn opens(&self, address: IpAddr) -> bool {
        self.opened.iter().any(|opened| match opened {
            Opened::Network(network) => network.contains(&address),
            Opened::Port(_) => false,
        })
    }

    /// Whether a stranger may send us to this address on this port.
    pub(super) fn allow_at(&self, place: SocketAddr) -> bool {
        self.allow(place.ip()) || self.opened_by_operator(place)
    }

    /// Whether the operator opened this place, by its network or by itself.
    pub(super) fn opened_by_operator(&self, place: SocketAddr) -> bool {
        let opened = |opened: &Opened| matches!(opened, Opened::Port(port) if *port == place);
        self.opens(place.ip()) || self.opened.iter().any(opened)
    }
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    !CLOSED_V4.iter().any(|(network, length)| {
        let shift = 32 - length;
        address.to_bits() >> shift == network.to_bits() >> shift
    })
}

fn within_v6(address: Ipv6Addr, (network, length): (Ipv6Addr, u32)) -> bool {
    let shift = 128 - length;
    address.to_bits() >> shift == network.to_bits() >> shift
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allowed(text: &str) -> bool {
        Rules::default().allow(text.parse().unwrap())
    }

    #[test]
    fn first_and_last_address_of_every_closed_range_are_refused() {
        for (first, last) in [
            ("0.0.0.0", "0.255.255.255"),
            ("10.0.0.0", "10.255.255.255"),
            ("100.64.0.0", "100.127.255.255"),
            ("127.0.0.0", "127.255.255.255"),
            ("169.254.0.0", "169.254.255.255"),
            ("172.16.0.0", "172.31.255.255"),
            ("192.0.0.0", "192.0.0.255"),
            ("192.0.2.0", "192.0.2.255"),
            ("192.88.99.0", "192.88.99.255"),
            ("192.168.0.0", "192.168.255.255"),
            ("198.18.0.0", "198.19.255.255"),
            ("198.51.100.0", "198.51.100.255"),
            ("203.0.113.0", "203.0.113.255"),
            ("224.0.0.0", "239.255.255.255"),
            ("240.0.0.0", "255.255.255.255"),
            ("::", "::1"),
            ("::7f00:1", "::ffff"),
            ("::ffff:127.0.0.1", "::ffff:8.8.8.8"),
            ("::ffff:0:7f00:1", "ff::"),
            ("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
            ("64:ff9b:1::", "64:ff9b:1:ffff::"),
            ("100::", "100::ffff"),
            ("2001::", "2001:1ff:ffff::"),
            ("2001:db8::", "2001:db8:ffff::1"),
            ("2002:7f00:1::", "2002:808:808::"),
            ("3fff::", "3fff:fff::1"),
            ("5f00::", "5f00:ffff::"),
            ("fc00::", "fdff:ffff::1"),
            ("fe80::", "febf::1"),
            ("fec0::", "feff::1"),
            ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("4000::", "8000::1"),
        ] {
            assert!(!allowed(first), "{first}");
            assert!(!allowed(last), "{last}");
        }
    }

    #[test]
    fn neighbors_of_closed_ranges_are_open() {
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::",
            "2606:4700::1111",
            "64:ff9b::808:808",
        ] {
            assert!(allowed(address), "{address}");
        }
    }

    #[test]
    fn the_operator_opens_networks_in_every_spelling_of_their_addresses() {
        let rules = Rules::new(vec![
            "127.0.0.0/8".parse().unwrap(),
            "fd00::/8".parse().unwrap(),
        ]);
        for address in [
            "127.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "fd12::1",
        ] {
            assert!(rules.allow(address.parse().unwrap()), "{address}");
        }
        for address in ["10.0.0.1", "::1", "fe80::1", "::ffff:10.0.0.1"] {
            assert!(!rules.allow(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn an_opened_port_opens_neither_its_neighbors_nor_the_address_as_such() {
        let rules = Rules::new(vec!["127.0.0.1:8080".parse().unwrap()]);
        assert!(rules.allow_at("127.0.0.1:8080".parse().unwrap()));
        for place in [
            "127.0.0.1:8081",
            "127.0.0.2:8080",
            "[::ffff:127.0.0.1]:8080",
            "[::1]:8080",
        ] {
            assert!(!rules.allow_at(place.parse().unwrap()), "{place}");
        }
        assert!(!rules.allow("127.0.0.1".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn no_private_ipv4_passes_in_any_disguise(bits: u32) {
            let v4 = Ipv4Addr::from_bits(bits);
            let rules = Rules::default();
            let private = v4.is_private() || v4.is_loopback() || v4.is_link_local()
                || v4.is_multicast() || v4.is_broadcast() || v4.is_unspecified()
                || v4.is_documentation() || bits >> 28 == 15;
            prop_assert!(!(private && rules.allow(v4.into())));
            prop_assert!(!rules.allow(v4.to_ipv6_mapped().into()));
            prop_assert!(!rules.allow(v4.to_ipv6_compatible().into()));
            let [a, b] = [(bits >> 16) as u16, bits as u16];
            prop_assert!(!rules.allow(Ipv6Addr::new(0x2002, a, b, 0, 0, 0, 0, 1).into()));
            let nat64 = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b);
            prop_assert_eq!(rules.allow(nat64.into()), rules.allow(v4.into()));
        }

        #[test]
        fn no_ipv6_outside_the_global_part_passes(bits: u128) {
            let v6 = Ipv6Addr::from_bits(bits);
            let global = bits >> 125 == 1;
            prop_assert!(global || !Rules::default().allow(v6.into()) || v6.segments()[0] == 0x64);
        }
    }
}
