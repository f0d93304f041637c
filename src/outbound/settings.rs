//! What an operator may set about outgoing requests.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// Where strangers may send us.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Networks that are private and yet allowed, such as `10.2.0.0/16`; a plain address is a
    /// network of one, and `10.2.0.7:9000` that address on that port alone. In a file a list of
    /// texts, in the environment one text with commas.
    #[serde(default, deserialize_with = "networks")]
    pub allowed_private_networks: Vec<Opened>,
}

/// What an operator opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// A network, on every port.
    Network(IpNet),
    /// One address on one port, for URLs that write the address itself: a name is looked up
    /// before the port is known.
    Port(SocketAddr),
}

impl std::str::FromStr for Opened {
    type Err = String;

    /// Reads `10.0.0.0/8`, `10.1.2.3` or `10.1.2.3:9000`.
    fn from_str(text: &str) -> Result<Self, String> {
        let network = text.parse::<IpNet>().ok();
        let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
        let port = || text.parse::<SocketAddr>().ok().map(Self::Port);
        let opened = network.or_else(address).map(Self::Network).or_else(port);
        opened.ok_or_else(|| format!("`{text}` is no network"))
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<String>),
    One(String),
}

fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Opened>, D::Error> {
    let texts = match OneOrMany::deserialize(deserializer)? {
        OneOrMany::Many(texts) => texts,
        OneOrMany::One(text) => text.split(',').map(str::to_owned).collect(),
    };
    texts
        .iter()
        .map(|text| text.trim())
        .filter(|text| !text.is_empty())
        .map(|text| text.parse().map_err(D::Error::custom))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_from_a_list_and_from_one_text() {
        for toml in [
            r#"allowed_private_networks = ["10.0.0.0/8", "127.0.0.1", "[::1]:80"]"#,
            r#"allowed_private_networks = "10.0.0.0/8, 127.0.0.1, [::1]:80""#,
        ] {
            let settings: Settings = toml::from_str(toml).unwrap();
            let opened = settings.allowed_private_networks;
            assert!(
                matches!(
                    opened[..],
                    [Opened::Network(_), Opened::Network(_), Opened::Port(_)]
                ),
                "{opened:?}"
            );
        }
        let empty: Settings = toml::from_str(r#"allowed_private_networks = """#).unwrap();
        assert!(empty.allowed_private_networks.is_empty());
        let wrong = toml::from_str::<Settings>(r#"allowed_private_networks = ["10/8"]"#);
        assert!(wrong.unwrap_err().to_string().contains("10/8"));
    }
}
