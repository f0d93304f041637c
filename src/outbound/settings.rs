//! What an operator may set about outgoing requests.

use ipnet::IpNet;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// Where strangers may send us.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Networks that are private and yet allowed, such as `10.2.0.0/16`; a plain address is a
    /// network of one. In a file a list of texts, in the environment one text with commas.
    #[serde(default, deserialize_with = "networks")]
    pub allowed_private_networks: Vec<IpNet>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<String>),
    One(String),
}

fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = match OneOrMany::deserialize(deserializer)? {
        OneOrMany::Many(texts) => texts,
        OneOrMany::One(text) => text.split(',').map(str::to_owned).collect(),
    };
    texts
        .iter()
        .map(|text| text.trim())
        .filter(|text| !text.is_empty())
        .map(|text| {
            network(text).ok_or_else(|| D::Error::custom(format!("`{text}` is no network")))
        })
        .collect()
}

/// Reads `10.0.0.0/8` or `10.1.2.3`.
fn network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>()
        .ok()
        .or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_from_a_list_and_from_one_text() {
        for toml in [
            r#"allowed_private_networks = ["10.0.0.0/8", "127.0.0.1"]"#,
            r#"allowed_private_networks = "10.0.0.0/8, 127.0.0.1""#,
        ] {
            let settings: Settings = toml::from_str(toml).unwrap();
            assert_eq!(settings.allowed_private_networks.len(), 2, "{toml}");
        }
        let empty: Settings = toml::from_str(r#"allowed_private_networks = """#).unwrap();
        assert!(empty.allowed_private_networks.is_empty());
        let wrong = toml::from_str::<Settings>(r#"allowed_private_networks = ["10/8"]"#);
        assert!(wrong.unwrap_err().to_string().contains("10/8"));
    }
}
