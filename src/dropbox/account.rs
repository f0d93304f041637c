//! For whom a call is made: whose token, which root, which team member.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use super::{DropboxError, Secret};

/// Keeps a person's access token and renews it.
///
/// Whoever implements this renews once, however many calls ask: calls that fail together with the
/// same stale token must share one refresh.
#[async_trait]
pub trait AccessTokens: Send + Sync {
    /// The access token to try now.
    async fn current(&self) -> Result<Secret, DropboxError>;

    /// A newer token, after Dropbox said that `stale` has expired.
    async fn renewed(&self, stale: &Secret) -> Result<Secret, DropboxError>;

    /// Takes note that Dropbox knows this link no more: the person withdrew it there.
    async fn withdrawn(&self) {}
}

/// One access token that is not renewed: for the first calls after a consent, before anything is
/// kept, and for tests.
pub struct FixedToken(pub Secret);

#[async_trait]
impl AccessTokens for FixedToken {
    async fn current(&self) -> Result<Secret, DropboxError> {
        Ok(self.0.clone())
    }

    async fn renewed(&self, _stale: &Secret) -> Result<Secret, DropboxError> {
        // Nobody renews it; whether the link lives on is not known here.
        Err(DropboxError::TokenExpired)
    }
}

/// A person's Dropbox, as seen by one call.
#[derive(Clone)]
pub struct Account {
    pub(super) tokens: Arc<dyn AccessTokens>,
    pub(super) path_root: Option<String>,
    pub(super) select_user: Option<String>,
}

impl Account {
    /// The Dropbox that these tokens open.
    pub fn new(tokens: Arc<dyn AccessTokens>) -> Self {
        Self {
            tokens,
            path_root: None,
            select_user: None,
        }
    }

    /// The Dropbox that this one token opens for as long as it lives.
    pub fn with_token(access_token: Secret) -> Self {
        Self::new(Arc::new(FixedToken(access_token)))
    }

    /// Resolves paths from this namespace: a team space's root instead of the member's folder.
    ///
    /// The id is `root_info.root_namespace_id` of [`super::Dropbox::get_current_account`].
    #[must_use]
    pub fn path_root(mut self, root_namespace_id: impl Into<String>) -> Self {
        self.path_root = Some(root_namespace_id.into());
        self
    }

    /// The access token to try now, for [`super::Dropbox::revoke`].
    pub async fn access_token(&self) -> Result<Secret, DropboxError> {
        self.tokens.current().await
    }

    /// A newer one, after Dropbox said that `stale` has expired.
    pub async fn renewed_token(&self, stale: &Secret) -> Result<Secret, DropboxError> {
        self.tokens.renewed(stale).await
    }

    /// Acts as this member of the team whose token is used.
    #[must_use]
    pub fn select_user(mut self, team_member_id: impl Into<String>) -> Self {
        self.select_user = Some(team_member_id.into());
        self
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Account")
            .field("path_root", &self.path_root)
            .field("select_user", &self.select_user)
            .finish_non_exhaustive()
    }
}
