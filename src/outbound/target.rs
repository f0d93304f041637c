//! A URL that a stranger gave, read and judged.
//!
//! The `url` crate reads as browsers do: `0x7f.1`, `2130706433`, `017700000001` and full-width
//! digits all become the IPv4 address that they mean, so the judgment sees what the connector
//! would see.

use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

use super::{OutboundError, Rules};

/// Characters of a URL at most.
const LONGEST: usize = 2048;

/// Ports of services that speak something else and might act on what we send. Ports below 1024
/// are closed but for those of the web.
const CLOSED_PORTS: [u16; 12] = [
    1433, 2049, 2375, 2379, 3306, 5432, 5672, 6379, 6667, 9042, 11211, 27017,
];

/// A URL to which we may send, as far as can be told without looking its name up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(Url);

impl Target {
    /// Reads and judges a URL.
    ///
    /// # Errors
    /// [`OutboundError::BadUrl`] for one of the wrong form, [`OutboundError::NotAllowed`] for a
    /// host or port where strangers may not send us.
    pub fn parse(text: &str, rules: &Rules) -> Result<Self, OutboundError> {
        let bad = OutboundError::BadUrl;
        if text.len() > LONGEST {
            return Err(bad("a URL has at most 2048 characters"));
        }
        let mut url = Url::parse(text.trim()).map_err(|_| bad("that is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad("the URL must begin with https:// or http://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("a user name or password may not stand in the URL"));
        }
        url.set_fragment(None);
        let literal = match url.host() {
            Some(Host::Ipv4(v4)) => Some(IpAddr::V4(v4)),
            Some(Host::Ipv6(v6)) => Some(IpAddr::V6(v6)),
            Some(Host::Domain(name)) if !name.trim_end_matches('.').is_empty() => None,
            _ => return Err(bad("the URL names no host")),
        };
        let port = url.port_or_known_default().unwrap_or(0);
        let literal = literal.map(|address| SocketAddr::new(address, port));
        if literal.is_some_and(|place| !rules.allow_at(place)) {
            return Err(OutboundError::NotAllowed);
        }
        let opened = literal.is_some_and(|place| rules.opened_by_operator(place));
        if !opened && !port_is_open(port) {
            return Err(OutboundError::NotAllowed);
        }
        Ok(Self(url))
    }

    /// The URL as it will be called.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(super) fn into_url(self) -> Url {
        self.0
    }
}

fn port_is_open(port: u16) -> bool {
    matches!(port, 80 | 443) || (port >= 1024 && !CLOSED_PORTS.contains(&port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Target, OutboundError> {
        Target::parse(text, &Rules::default())
    }

    #[test]
    fn every_spelling_of_a_closed_address_is_refused() {
        for host in [
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "0x7f000001",
            "2130706433",
            "017700000001",
            "0177.0.0.1",
            "127.0.0.1.",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
            "①②⑦.⓪.⓪.①",
            "0",
            "0.0.0.0",
            "169.254.169.254",
            "2852039166",
            "100.100.100.200",
            "10.0.0.1",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:169.254.169.254]",
            "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "[2002:7f00:1::]",
            "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
            "[fd00:ec2::254]",
            "[fe80::1]",
        ] {
            let url = format!("http://{host}/hook");
            assert_eq!(parse(&url), Err(OutboundError::NotAllowed), "{url}");
        }
    }

    #[test]
    fn wrong_forms_are_refused_with_a_reason() {
        for url in [
            "",
            "example.com/hook",
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://example.com/",
            "http://",
            "http://user@example.com/",
            "http://user:secret@example.com/",
            "http://@127.0.0.1@example.com/",
            "javascript:alert(1)",
            &format!("https://example.com/{}", "a".repeat(2048)),
        ] {
            assert!(matches!(parse(url), Err(OutboundError::BadUrl(_))), "{url}");
        }
    }

    #[test]
    fn ports_of_other_services_are_closed() {
        for port in [22, 25, 53, 6379, 5432, 11211] {
            let url = format!("http://example.com:{port}/");
            assert_eq!(parse(&url), Err(OutboundError::NotAllowed), "{url}");
        }
        for url in [
            "http://example.com",
            "https://example.com",
            "https://example.com:8443/x?y=1",
        ] {
            assert!(parse(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn an_opened_network_is_reached_on_any_port() {
        let rules = Rules::new(vec!["127.0.0.0/8".parse().unwrap()]);
        for url in ["http://127.0.0.1:81/", "http://0x7f.1:6379/"] {
            assert!(Target::parse(url, &rules).is_ok(), "{url}");
        }
        assert!(Target::parse("http://[::1]/", &rules).is_err());
    }

    #[test]
    fn an_opened_port_is_reached_by_its_address_alone() {
        let rules = Rules::new(vec!["127.0.0.1:81".parse().unwrap()]);
        assert!(Target::parse("http://127.0.0.1:81/a", &rules).is_ok());
        for url in [
            "http://127.0.0.1/",
            "http://127.0.0.1:82/",
            "http://127.0.0.2:81/",
        ] {
            let refused = Err(OutboundError::NotAllowed);
            assert_eq!(Target::parse(url, &rules), refused, "{url}");
        }
    }

    #[test]
    fn the_fragment_is_not_kept() {
        assert_eq!(
            parse("https://example.com/a#b").unwrap().as_str(),
            "https://example.com/a"
        );
    }
}
