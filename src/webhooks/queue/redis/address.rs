//! The address of Redis in its shapes: one server, a master found by Sentinel, a Cluster.
//!
//! | form | what is there |
//! |---|---|
//! | `redis://[USER:PASSWORD@]HOST[:PORT][/DB]` | one server |
//! | `redis+sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]/MASTER[/DB]` | sentinels, and the name under which they know the master |
//! | `redis+cluster://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]` | some nodes of a Cluster; the others are found |
//! | `unix:///PATH` | one server on this machine |
//!
//! With `rediss` in the place of `redis` everything goes over TLS. User and password are those
//! of Redis itself, percent-encoded; a password without a user is `:PASSWORD@`. Knows nothing of
//! connections.

use deadpool_redis::redis::{
    ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, parse_redis_url,
};
use percent_encoding::percent_decode_str;

/// Where one server listens if its address does not say.
const PORT: u16 = 6379;
/// Where a sentinel listens if its address does not say.
const SENTINEL_PORT: u16 = 26379;

/// An address that was understood.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) shape: Shape,
    /// Whether everything goes over TLS.
    pub(super) tls: bool,
    /// Who we are to Redis itself, and in which database.
    pub(super) who: RedisConnectionInfo,
}

/// What is there.
#[derive(Clone)]
pub(super) enum Shape {
    /// One server.
    Single(ConnectionAddr),
    /// Sentinels, and the name of the master they watch.
    Sentinel(Vec<ConnectionAddr>, String),
    /// Some nodes of a Cluster.
    Cluster(Vec<ConnectionAddr>),
}

impl Address {
    /// Reads an address; answers what is wrong with it. The answer holds nothing of the address.
    pub(super) fn parse(url: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = url.split_once(':').ok_or(UNKNOWN)?;
        let (scheme, tls) = match scheme {
            "unix" | "redis+unix" => return Self::socket(url),
            _ => match scheme.strip_prefix("rediss") {
                Some(kind) => (kind, true),
                None => (scheme.strip_prefix("redis").ok_or(UNKNOWN)?, false),
            },
        };
        let rest = rest.strip_prefix("//").ok_or(UNKNOWN)?;
        if rest.contains(['?', '#']) {
            return Err("must end after the path; write `?` and `#` in a password as %3F and %23");
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (who, hosts) = match authority.rsplit_once('@') {
            Some((who, hosts)) => (credentials(who)?, hosts),
            None => (RedisConnectionInfo::default(), authority),
        };
        let path: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let (shape, db) = match (scheme, path.as_slice()) {
            ("", db) if db.len() <= 1 => {
                let mut nodes = nodes(hosts, PORT, tls)?;
                if nodes.len() != 1 {
                    return Err(
                        "names several hosts: is it redis+sentinel:// or redis+cluster://?",
                    );
                }
                (Shape::Single(nodes.remove(0)), db.first())
            }
            ("+sentinel", [master, db @ ..]) if db.len() <= 1 => {
                let sentinels = nodes(hosts, SENTINEL_PORT, tls)?;
                (Shape::Sentinel(sentinels, decoded(master)?), db.first())
            }
            ("+sentinel", []) => return Err("must end with the name of the master: …/MASTER"),
            ("+cluster", []) => (Shape::Cluster(nodes(hosts, PORT, tls)?), None),
            ("+cluster", _) => return Err("names a database, which a Cluster has not"),
            ("" | "+sentinel", _) => return Err("has a path of too many parts"),
            _ => return Err(UNKNOWN),
        };
        let db: i64 = match db {
            Some(db) => db
                .parse()
                .map_err(|_| "must name a database by its number")?,
            None => 0,
        };
        Ok(Self {
            shape,
            tls,
            who: who.set_db(db),
        })
    }

    fn socket(url: &str) -> Result<Self, &'static str> {
        let info = parse_redis_url(url).and_then(|url| url.into_connection_info().ok());
        let info = info.ok_or("is no path of a socket: unix:///PATH")?;
        Ok(Self {
            shape: Shape::Single(info.addr().clone()),
            tls: false,
            who: info.redis_settings().clone(),
        })
    }

    /// How a node of ours is spoken to.
    pub(super) fn at(&self, node: &ConnectionAddr) -> Result<ConnectionInfo, &'static str> {
        let info = node.clone().into_connection_info().map_err(|_| UNKNOWN)?;
        Ok(info.set_redis_settings(self.who.clone()))
    }

    /// A short word for the line printed at start: hosts, never a password.
    pub(super) fn describe(&self) -> String {
        let list = |nodes: &[ConnectionAddr]| {
            let nodes: Vec<String> = nodes.iter().map(ToString::to_string).collect();
            nodes.join(", ")
        };
        let tls = if self.tls { " by TLS" } else { "" };
        match &self.shape {
            Shape::Single(node) => format!("Redis {node}{tls}"),
            Shape::Sentinel(sentinels, master) => {
                format!("Redis {master} found by {}{tls}", list(sentinels))
            }
            Shape::Cluster(nodes) => format!("Redis Cluster {}{tls}", list(nodes)),
        }
    }
}

const UNKNOWN: &str = "must begin with redis://, rediss://, redis+sentinel://, rediss+sentinel://, \
     redis+cluster://, rediss+cluster:// or unix://";

fn credentials(text: &str) -> Result<RedisConnectionInfo, &'static str> {
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (text, None),
    };
    let mut who = RedisConnectionInfo::default();
    if !user.is_empty() {
        who = who.set_username(decoded(user)?);
    }
    if let Some(password) = password.filter(|password| !password.is_empty()) {
        who = who.set_password(decoded(password)?);
    }
    Ok(who)
}

fn decoded(text: &str) -> Result<String, &'static str> {
    let text = percent_decode_str(text).decode_utf8();
    Ok(text
        .map_err(|_| "holds bytes that are no UTF-8")?
        .into_owned())
}

fn nodes(hosts: &str, port: u16, tls: bool) -> Result<Vec<ConnectionAddr>, &'static str> {
    hosts.split(',').map(|host| node(host, port, tls)).collect()
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`.
fn node(text: &str, port: u16, tls: bool) -> Result<ConnectionAddr, &'static str> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, rest) = match bracketed {
        Some((host, rest)) => (host, rest),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match rest.strip_prefix(':') {
        Some(port) => port.parse().map_err(|_| "has a port that is no number")?,
        None if rest.is_empty() => port,
        None => return Err("has a host that cannot be read"),
    };
    if host.is_empty() || host.contains([' ', '/', '%']) {
        return Err("names no host");
    }
    let host = host.to_owned();
    Ok(if tls {
        ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        }
    } else {
        ConnectionAddr::Tcp(host, port)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Address {
        Address::parse(url).unwrap_or_else(|why| panic!("{url}: {why}"))
    }

    #[test]
    fn every_shape_is_read_and_described_without_its_password() {
        for (url, described) in [
            ("redis://h", "Redis h:6379"),
            ("redis://u:se%40cret@h:1/2", "Redis h:1"),
            ("rediss://:secret@h:1/", "Redis h:1 by TLS"),
            ("redis://[::1]:7", "Redis ::1:7"),
            ("unix:///run/redis.sock", "Redis /run/redis.sock"),
            (
                "redis+sentinel://u:secret@a,b:2/main/3",
                "Redis main found by a:26379, b:2",
            ),
            (
                "rediss+cluster://u:secret@a:1,b",
                "Redis Cluster a:1, b:6379 by TLS",
            ),
        ] {
            assert_eq!(parse(url).describe(), described);
        }
    }

    #[test]
    fn user_password_and_database_are_read() {
        let who = parse("redis://us%3Aer:p%40ss:word@h/5").who;
        assert_eq!(who.username(), Some("us:er"));
        assert_eq!(who.password(), Some("p@ss:word"));
        assert_eq!(who.db(), 5);
        let who = parse("redis+sentinel://:p@h/main/4").who;
        assert_eq!((who.username(), who.password()), (None, Some("p")));
        assert_eq!(who.db(), 4);
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for url in [
            "http://secret@h",
            "redis",
            "redis:h",
            "redis://",
            "redis://secret@",
            "redis://h:port",
            "redis://h/db",
            "redis://h/1/2",
            "redis://a,b",
            "redis://h?secret=1",
            "redis+sentinel://h",
            "redis+sentinel://h/main/1/2",
            "redis+cluster://h/1",
            "redis+other://h",
        ] {
            let why = Address::parse(url).err();
            let why = why.unwrap_or_else(|| panic!("{url} is understood"));
            assert!(!why.contains("secret"), "{url}: {why}");
        }
    }
}
