//! Scripts: called by their hash, sent in full where the server does not know them.
//!
//! The driver's own way would load an unknown script into every master of a Cluster and fail if
//! one of them is away; here the one server that holds the keys gets it.

use deadpool_redis::redis::{
    Cmd, ErrorKind, FromRedisValue, RedisError, ServerErrorKind, ToRedisArgs, cmd,
};
use sha1::{Digest, Sha1};

use super::link::Link;

/// One script.
pub(super) struct Lua {
    source: &'static str,
    hash: String,
}

impl Lua {
    pub(super) fn new(source: &'static str) -> Self {
        let hash = hex::encode(Sha1::digest(source));
        Self { source, hash }
    }

    /// Begins a call; arguments follow.
    pub(super) fn call(&self, keys: &[String]) -> Call<'_> {
        Call {
            lua: self,
            keys: keys.to_vec(),
            arguments: Vec::new(),
        }
    }
}

/// One call of a script.
pub(super) struct Call<'a> {
    lua: &'a Lua,
    keys: Vec<String>,
    arguments: Vec<Vec<u8>>,
}

impl Call<'_> {
    pub(super) fn arg(&mut self, argument: impl ToRedisArgs) -> &mut Self {
        argument.write_redis_args(&mut self.arguments);
        self
    }

    pub(super) async fn run<T: FromRedisValue>(&self, link: &mut Link) -> Result<T, RedisError> {
        match self
            .command("EVALSHA", &self.lua.hash)
            .query_async(link)
            .await
        {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.command("EVAL", self.lua.source)
                    .query_async(link)
                    .await
            }
            done => done,
        }
    }

    fn command(&self, how: &str, script: &str) -> Cmd {
        let mut command = cmd(how);
        command.arg(script).arg(self.keys.len()).arg(&self.keys);
        for argument in &self.arguments {
            command.arg(argument.as_slice());
        }
        command
    }
}
