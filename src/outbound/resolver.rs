//! Looks names up and lets only vetted addresses through to the connector.
//!
//! The check stands where the connection is made, so a name that answers differently the second
//! time (DNS rebinding) gains nothing. One forbidden address among several refuses the name as a
//! whole: a name that points both outside and inside is not a mistake.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{OutboundError, Rules};

/// How long a lookup may take.
const LOOKUP_TIME: Duration = Duration::from_secs(5);

/// A resolver that vets.
pub(super) struct Vetting {
    rules: Arc<Rules>,
}

impl Vetting {
    pub(super) fn new(rules: Arc<Rules>) -> Self {
        Self { rules }
    }
}

impl Resolve for Vetting {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = self.rules.clone();
        Box::pin(async move {
            let lookup = tokio::net::lookup_host((name.as_str().to_owned(), 0));
            let found = tokio::time::timeout(LOOKUP_TIME, lookup).await;
            let found = match found {
                Ok(Ok(addresses)) => addresses.collect(),
                _ => Vec::new(),
            };
            Ok(Box::new(vet(found, &rules)?.into_iter()) as Addrs)
        })
    }
}

fn vet(addresses: Vec<SocketAddr>, rules: &Rules) -> Result<Vec<SocketAddr>, OutboundError> {
    if addresses.is_empty() {
        return Err(OutboundError::NoSuchHost);
    }
    match addresses.iter().all(|address| rules.allow(address.ip())) {
        true => Ok(addresses),
        false => Err(OutboundError::NotAllowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_forbidden_address_among_good_ones_refuses_the_name() {
        let good: SocketAddr = "8.8.8.8:0".parse().unwrap();
        let bad: SocketAddr = "[::1]:0".parse().unwrap();
        let rules = Rules::default();
        assert_eq!(vet(vec![good], &rules), Ok(vec![good]));
        assert_eq!(vet(vec![good, bad], &rules), Err(OutboundError::NotAllowed));
        assert_eq!(vet(vec![], &rules), Err(OutboundError::NoSuchHost));
    }
}
