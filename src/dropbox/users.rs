//! Whose Dropbox this is, and how full.

use serde::Deserialize;

use super::{
    Account, Dropbox, DropboxError,
    call::{Call, Payload, Route, decode},
    client::Host,
};

const CURRENT_ACCOUNT: Route = Route::repeatable(Host::Api, "users/get_current_account");
const SPACE_USAGE: Route = Route::repeatable(Host::Api, "users/get_space_usage");

/// The person that a token belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CurrentAccount {
    /// `dbid:…`, the same for as long as the account lives.
    pub account_id: String,
    /// The person's name.
    #[serde(default)]
    pub name: Name,
    /// Their address.
    #[serde(default)]
    pub email: String,
    /// Whether Dropbox has verified that address.
    #[serde(default)]
    pub email_verified: bool,
    /// Whether the account is disabled.
    #[serde(default)]
    pub disabled: bool,
    /// Language, as an IETF tag.
    #[serde(default)]
    pub locale: Option<String>,
    /// Two letters of the country.
    #[serde(default)]
    pub country: Option<String>,
    /// A picture of the person.
    #[serde(default)]
    pub profile_photo_url: Option<String>,
    /// Where the person's paths begin.
    #[serde(default)]
    pub root_info: Option<RootInfo>,
    /// The team, for members of one.
    #[serde(default)]
    pub team: Option<Team>,
    /// The person as a member of that team.
    #[serde(default)]
    pub team_member_id: Option<String>,
}

impl CurrentAccount {
    /// The namespace to pass to [`Account::path_root`], if the person sees a team space: without
    /// it, calls see the member's own folder only.
    pub fn team_root(&self) -> Option<&str> {
        let root = self.root_info.as_ref()?;
        (root.root_namespace_id != root.home_namespace_id)
            .then_some(root.root_namespace_id.as_str())
    }
}

/// A person's name, in its parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Name {
    /// The name to show.
    #[serde(default)]
    pub display_name: String,
    /// Given name.
    #[serde(default)]
    pub given_name: String,
    /// Family name.
    #[serde(default)]
    pub surname: String,
}

/// Where a person's paths begin.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RootInfo {
    /// The namespace of everything the person sees.
    pub root_namespace_id: String,
    /// The namespace of the person's own folder; the same unless there is a team space.
    pub home_namespace_id: String,
    /// The path of that folder within a team space.
    #[serde(default)]
    pub home_path: Option<String>,
}

/// A team.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Team {
    /// `dbtid:…`.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// How full a Dropbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpaceUsage {
    /// Bytes used by this person.
    pub used: u64,
    /// Bytes that may be used, by the person or by their whole team, where Dropbox says so.
    pub allocated: Option<u64>,
    /// Bytes used by the whole team, for members of one.
    pub used_by_team: Option<u64>,
}

#[derive(Deserialize)]
struct SpaceUsageOnWire {
    used: u64,
    allocation: AllocationOnWire,
}

#[derive(Deserialize)]
#[serde(tag = ".tag", rename_all = "snake_case")]
enum AllocationOnWire {
    Individual {
        allocated: u64,
    },
    Team {
        allocated: u64,
        used: u64,
    },
    #[serde(other)]
    Other,
}

impl Dropbox {
    /// The person that the account's token belongs to.
    pub async fn get_current_account(
        &self,
        account: &Account,
    ) -> Result<CurrentAccount, DropboxError> {
        let call = self.question(account, CURRENT_ACCOUNT);
        decode(&self.whole(&call).await?)
    }

    /// How full their Dropbox is.
    pub async fn get_space_usage(&self, account: &Account) -> Result<SpaceUsage, DropboxError> {
        let call = self.question(account, SPACE_USAGE);
        let usage: SpaceUsageOnWire = decode(&self.whole(&call).await?)?;
        let (allocated, used_by_team) = match usage.allocation {
            AllocationOnWire::Individual { allocated } => (Some(allocated), None),
            AllocationOnWire::Team { allocated, used } => (Some(allocated), Some(used)),
            AllocationOnWire::Other => (None, None),
        };
        Ok(SpaceUsage {
            used: usage.used,
            allocated,
            used_by_team,
        })
    }

    fn question<'a>(&self, account: &'a Account, route: Route) -> Call<'a> {
        Call {
            route,
            account: Some(account),
            payload: Payload::Nothing,
            answer_within: self.inner.call_timeout,
        }
    }
}
