//! The access token of a connection, renewed once per expiry however many ask.
//!
//! Within the process, a lock for each connection; between nodes, a lease in its row. Whoever
//! comes second finds the new token in the row.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;

use super::connection::{State, team_root};
use super::settings::ms;
use super::{Connection, ConnectionError, Connections};
use crate::database::DatabaseError;
use crate::dropbox::{AccessTokens, Account, DropboxError, OAuthError, Refreshed, Secret};

/// Looks for the token that another node is fetching.
const LOOK_AGAIN: Duration = Duration::from_millis(150);

/// The access token of one connection, as the Dropbox client asks for it.
struct ConnectionTokens {
    connections: Connections,
    id: i64,
    known: Mutex<Option<(Secret, i64)>>,
}

impl Connections {
    /// The Dropbox of a connection, for calls; renews its token by itself.
    pub fn account(&self, connection: &Connection) -> Account {
        let known = (
            connection.access_token.clone(),
            connection.access_expires_at,
        );
        let account = Account::new(Arc::new(ConnectionTokens {
            connections: self.clone(),
            id: connection.id,
            known: Mutex::new(Some(known)),
        }));
        match &connection.team_root {
            Some(root) => account.path_root(root.clone()),
            None => account,
        }
    }

    /// The Dropbox of the connection with this key, whoever asks: for copies that go on although
    /// the person has signed out.
    ///
    /// # Errors
    /// [`ConnectionError::Reconnect`] when its grant is gone.
    pub async fn account_by_id(&self, id: i64) -> Result<(Account, Connection), ConnectionError> {
        match self.row(id).await? {
            Some(connection) if !connection.is_spent() => {
                Ok((self.account(&connection), connection))
            }
            _ => Err(ConnectionError::Reconnect),
        }
    }

    /// The Dropbox that a symlink leads to: by the grant under which it was made, or, once that
    /// is gone, by a later one of the same person for the same application. Whoever connects
    /// again so mends the links they made before.
    ///
    /// # Errors
    /// [`ConnectionError::Reconnect`] when there is no such grant.
    pub async fn account_behind(&self, id: i64) -> Result<Account, ConnectionError> {
        let made_under = self.row(id).await?.ok_or(ConnectionError::Reconnect)?;
        if !made_under.is_spent() {
            return Ok(self.account(&made_under));
        }
        let successor = self.successor(&made_under).await?;
        let successor = successor.ok_or(ConnectionError::Reconnect)?;
        Ok(self.account(&successor))
    }

    /// Makes a call for the connection and answers with which account it succeeded: a person who
    /// joined or left a team meanwhile is followed to where their paths begin now.
    ///
    /// # Errors
    /// [`ConnectionError::Reconnect`] when the link is dead, or what Dropbox says.
    pub async fn call<T, F, R>(
        &self,
        connection: &Connection,
        call: F,
    ) -> Result<(Account, T), ConnectionError>
    where
        F: Fn(Account) -> R,
        R: Future<Output = Result<T, DropboxError>>,
    {
        let mut account = self.account(connection);
        let mut outcome = call(account.clone()).await;
        if let Err(DropboxError::PathRootChanged { .. }) = outcome {
            account = self.account(&self.reread_root(connection).await?);
            outcome = call(account.clone()).await;
        }
        match outcome {
            Ok(value) => Ok((account, value)),
            Err(DropboxError::LinkRevoked) => Err(ConnectionError::Reconnect),
            Err(error) => Err(error.into()),
        }
    }

    async fn reread_root(&self, connection: &Connection) -> Result<Connection, ConnectionError> {
        let mut connection = connection.clone();
        connection.team_root = None;
        let account = self.account(&connection);
        let person = self.dropbox().get_current_account(&account).await?;
        let (root, home) = person.root_info.map_or_else(Default::default, |info| {
            (info.root_namespace_id, info.home_namespace_id)
        });
        connection.team_root = team_root(&root, &home);
        let (id, now) = (connection.id, self.inner.needs.clock.now_ms());
        self.inner
            .needs
            .database
            .write(move |tx| {
                async move {
                    sqlx::query(
                        "UPDATE connections SET root_namespace_id = $1, home_namespace_id = $2, \
                         updated_at = $3 WHERE id = $4",
                    )
                    .bind(root)
                    .bind(home)
                    .bind(now)
                    .bind(id)
                    .execute(tx)
                    .await?;
                    Ok::<_, ConnectionError>(())
                }
                .boxed()
            })
            .await?;
        Ok(connection)
    }

    async fn bury(&self, id: i64) -> Result<(), ConnectionError> {
        log::info!("connection {id} is no longer valid");
        let now = self.inner.needs.clock.now_ms();
        self.inner
            .needs
            .database
            .write(move |tx| {
                async move {
                    sqlx::query(
                        "UPDATE connections SET state = $1, updated_at = $2, \
                         refresh_lease_until = 0 WHERE id = $3",
                    )
                    .bind(State::Dead.number())
                    .bind(now)
                    .bind(id)
                    .execute(tx)
                    .await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    /// A token other than `stale` that has some life left.
    async fn fresh_token(
        &self,
        id: i64,
        stale: Option<Secret>,
    ) -> Result<(Secret, i64), ConnectionError> {
        let lock = self.lock_of(id);
        // On its own task: a caller that goes away must neither cut a refresh short nor leave
        // the lease to run out.
        let (this, guard) = (self.clone(), lock.lock_owned().await);
        let task = tokio::spawn(async move {
            let fresh = this.fresh_token_alone(id, stale.as_ref()).await;
            drop(guard);
            fresh
        });
        task.await.unwrap_or_else(|ended| {
            let fault = format!("a refresh came to a sudden end: {ended}");
            Err(DatabaseError::Fault(fault).into())
        })
    }

    async fn fresh_token_alone(
        &self,
        id: i64,
        stale: Option<&Secret>,
    ) -> Result<(Secret, i64), ConnectionError> {
        loop {
            let connection = self.row(id).await?.filter(|row| !row.is_spent());
            let connection = connection.ok_or(ConnectionError::Reconnect)?;
            let now = self.inner.needs.clock.now_ms();
            let good = connection.access_expires_at - ms(self.inner.settings.refresh_margin) > now;
            if good && stale != Some(&connection.access_token) {
                return Ok((connection.access_token, connection.access_expires_at));
            }
            if self.take_lease(&connection).await? {
                return self.refresh(&connection).await;
            }
            // Another node is at it. Its lease ends, so this does too.
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Whether it is ours to refresh: nobody else is at it, and nobody has done it since the row
    /// was read.
    async fn take_lease(&self, seen: &Connection) -> Result<bool, ConnectionError> {
        let lease = ms(self.inner.settings.refresh_lease);
        let clock = self.inner.needs.clock.clone();
        let (id, expires) = (seen.id, seen.access_expires_at);
        self.inner
            .needs
            .database
            .write(move |tx| {
                async move {
                    let now = clock.now_ms();
                    let done = sqlx::query(
                        "UPDATE connections SET refresh_lease_until = $1 \
                         WHERE id = $2 AND access_expires_at = $3 AND refresh_lease_until <= $4",
                    )
                    .bind(now.saturating_add(lease))
                    .bind(id)
                    .bind(expires)
                    .bind(now)
                    .execute(tx)
                    .await?;
                    Ok(done.rows_affected() > 0)
                }
                .boxed()
            })
            .await
    }

    async fn refresh(&self, connection: &Connection) -> Result<(Secret, i64), ConnectionError> {
        let needs = &self.inner.needs;
        let refreshed = match needs.applications.by_id(connection.application_id).await {
            Ok(application) => match self.app_with_key(&application, &connection.app_key) {
                Some(app) => {
                    let token = &connection.refresh_token;
                    needs.dropbox.refresh(&app, token).await
                }
                // The application has moved to another Dropbox app, and this consent was for the
                // old. Should that have been a mistake, it works again once it is mended.
                None => {
                    log::warn!(
                        "the Dropbox app of connection {} is not set up",
                        connection.id
                    );
                    self.give_lease_back(connection.id).await?;
                    return Err(ConnectionError::Reconnect);
                }
            },
            Err(error) => {
                self.give_lease_back(connection.id).await?;
                return Err(error.into());
            }
        };
        match refreshed {
            Ok(refreshed) => self.keep(connection.id, refreshed).await,
            Err(OAuthError::InvalidGrant { message }) => {
                log::info!(
                    "Dropbox refuses to renew connection {}: {message}",
                    connection.id
                );
                self.bury(connection.id).await?;
                Err(ConnectionError::Reconnect)
            }
            Err(error) => {
                self.give_lease_back(connection.id).await?;
                Err(DropboxError::from(error).into())
            }
        }
    }

    async fn keep(&self, id: i64, refreshed: Refreshed) -> Result<(Secret, i64), ConnectionError> {
        let now = self.inner.needs.clock.now_ms();
        let expires = now + ms(refreshed.expires_in);
        let sealed = self.seal(&refreshed.access_token)?;
        self.inner
            .needs
            .database
            .write(move |tx| {
                async move {
                    sqlx::query(
                        "UPDATE connections SET access_token = $1, access_expires_at = $2, \
                         refresh_lease_until = 0, updated_at = $3, last_used_at = $3 \
                         WHERE id = $4",
                    )
                    .bind(sealed)
                    .bind(expires)
                    .bind(now)
                    .bind(id)
                    .execute(tx)
                    .await?;
                    Ok::<_, ConnectionError>(())
                }
                .boxed()
            })
            .await?;
        Ok((refreshed.access_token, expires))
    }

    async fn give_lease_back(&self, id: i64) -> Result<(), ConnectionError> {
        self.inner
            .needs
            .database
            .write(move |tx| {
                async move {
                    sqlx::query("UPDATE connections SET refresh_lease_until = 0 WHERE id = $1")
                        .bind(id)
                        .execute(tx)
                        .await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    fn lock_of(&self, id: i64) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self
            .inner
            .refreshing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(&id).and_then(std::sync::Weak::upgrade) {
            return lock;
        }
        locks.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::new(tokio::sync::Mutex::new(()));
        locks.insert(id, Arc::downgrade(&lock));
        lock
    }
}

impl ConnectionTokens {
    fn known(&self) -> Option<Secret> {
        let now = self.connections.inner.needs.clock.now_ms();
        let margin = ms(self.connections.inner.settings.refresh_margin);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .as_ref()
            .filter(|(token, expires)| !token.is_empty() && expires - margin > now)
            .map(|(token, _)| token.clone())
    }

    async fn fetch(&self, stale: Option<Secret>) -> Result<Secret, DropboxError> {
        let fresh = self.connections.fresh_token(self.id, stale).await;
        let (token, expires) = fresh.map_err(in_dropboxs_terms)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((token.clone(), expires));
        Ok(token)
    }
}

#[async_trait]
impl AccessTokens for ConnectionTokens {
    async fn current(&self) -> Result<Secret, DropboxError> {
        match self.known() {
            Some(token) => Ok(token),
            None => self.fetch(None).await,
        }
    }

    async fn renewed(&self, stale: &Secret) -> Result<Secret, DropboxError> {
        if let Some(token) = self.known().filter(|token| token != stale) {
            return Ok(token);
        }
        self.fetch(Some(stale.clone())).await
    }

    async fn withdrawn(&self) {
        if let Err(error) = self.connections.bury(self.id).await {
            log::warn!(
                "connection {} could not be marked as dead: {error}",
                self.id
            );
        }
    }
}

/// What a token that could not be had means for the call that needs it.
fn in_dropboxs_terms(error: ConnectionError) -> DropboxError {
    match error {
        ConnectionError::Dropbox(error) => error,
        ConnectionError::Reconnect => DropboxError::LinkRevoked,
        other => {
            log::warn!("an access token could not be had: {other}");
            DropboxError::Unavailable {
                cause: "this server could not read the connection".to_owned(),
                retry_after: None,
            }
        }
    }
}
