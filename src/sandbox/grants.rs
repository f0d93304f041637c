//! Who allowed which app what, and the codes and tokens that come of it.
//!
//! A grant is one person's consent to one app. All refresh and access tokens that descend from it
//! die with it. Knows nothing of HTTP.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// How long a code may wait for its exchange.
pub const CODE_LIFETIME: Duration = Duration::from_secs(600);

/// One person's consent to one app.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Place of the account in the list of accounts.
    pub account: usize,
    /// The app.
    pub app_key: String,
    /// What the person allowed.
    pub scopes: BTreeSet<String>,
}

/// What a code can be exchanged for, and on which conditions.
#[derive(Debug, Clone)]
pub struct Code {
    /// What the person allowed.
    pub grant: Grant,
    /// The redirect URI that was used, which the exchange must repeat.
    pub redirect_uri: Option<String>,
    /// The PKCE challenge, if there was one.
    pub challenge: Option<Challenge>,
    /// Whether a refresh token was asked for.
    pub offline: bool,
}

/// What the one who exchanges the code must prove.
#[derive(Debug, Clone)]
pub enum Challenge {
    /// The verifier itself.
    Plain(String),
    /// The verifier's SHA-256.
    S256(String),
}

impl Challenge {
    /// Whether this is the verifier that was announced.
    pub fn accepts(&self, verifier: &str) -> bool {
        match self {
            Challenge::Plain(expected) => expected == verifier,
            Challenge::S256(expected) => {
                *expected == URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
            }
        }
    }
}

struct AccessToken {
    grant: u64,
    scopes: BTreeSet<String>,
    expires: Instant,
}

struct RefreshToken {
    grant: u64,
    /// Whether the app must show its secret at every refresh.
    confidential: bool,
}

/// What an access token stands for.
pub enum Bearer {
    /// A call by this person through this app, limited to these scopes.
    Valid(Grant),
    /// It was good once.
    Expired,
    /// It never was, or is not any more.
    Unknown,
}

/// Fresh tokens.
pub struct Issued {
    /// The access token.
    pub access_token: String,
    /// The refresh token, if one was asked for.
    pub refresh_token: Option<String>,
}

#[derive(Default)]
struct Kept {
    next: u64,
    grants: HashMap<u64, Grant>,
    codes: HashMap<String, (Code, Instant)>,
    access: HashMap<String, AccessToken>,
    refresh: HashMap<String, RefreshToken>,
}

/// All grants and what descends from them.
#[derive(Clone)]
pub struct Grants {
    lifetime: Duration,
    kept: Arc<Mutex<Kept>>,
}

impl Grants {
    /// No grants yet; access tokens will live as long as said.
    pub fn new(lifetime: Duration) -> Self {
        Grants {
            lifetime,
            kept: Arc::default(),
        }
    }

    /// What a token answer says of the lifetime. Dropbox counts the second of its own work.
    pub fn expires_in(&self) -> u64 {
        self.lifetime.as_secs().saturating_sub(1).max(1)
    }

    /// A code for a consent just given.
    pub fn issue_code(&self, code: Code) -> String {
        let text = random_text(32);
        self.kept()
            .codes
            .insert(text.clone(), (code, Instant::now()));
        text
    }

    /// Takes a code, which is then used up, whatever comes of the exchange.
    pub fn take_code(&self, text: &str) -> Option<Code> {
        let (code, issued) = self.kept().codes.remove(text)?;
        (issued.elapsed() < CODE_LIFETIME).then_some(code)
    }

    /// Makes a grant with its first tokens.
    pub fn open(&self, grant: Grant, offline: bool, confidential: bool) -> Issued {
        let mut kept = self.kept();
        kept.next += 1;
        let number = kept.next;
        let access_token = kept.issue_access(number, grant.scopes.clone(), self.lifetime);
        kept.grants.insert(number, grant);
        let refresh_token = offline.then(|| {
            let text = random_text(48);
            let token = RefreshToken {
                grant: number,
                confidential,
            };
            kept.refresh.insert(text.clone(), token);
            text
        });
        Issued {
            access_token,
            refresh_token,
        }
    }

    /// Whether a refresh token exists for this app, and if so whether its use needs the secret.
    pub fn refresh_needs_secret(&self, text: &str, app_key: &str) -> Option<bool> {
        let kept = self.kept();
        let token = kept.refresh.get(text)?;
        let grant = kept.grants.get(&token.grant)?;
        (grant.app_key == app_key).then_some(token.confidential)
    }

    /// A new access token from a refresh token. Asking for a scope beyond the grant gives `None`.
    pub fn refresh(&self, text: &str, scopes: Option<BTreeSet<String>>) -> Option<String> {
        let mut kept = self.kept();
        let number = kept.refresh.get(text)?.grant;
        let granted = kept.grants.get(&number)?.scopes.clone();
        let scopes = match scopes {
            Some(wanted) if !wanted.is_subset(&granted) => return None,
            Some(wanted) => wanted,
            None => granted,
        };
        Some(kept.issue_access(number, scopes, self.lifetime))
    }

    /// What an access token stands for now.
    pub fn bearer(&self, text: &str) -> Bearer {
        let kept = self.kept();
        let Some(token) = kept.access.get(text) else {
            return Bearer::Unknown;
        };
        let Some(grant) = kept.grants.get(&token.grant) else {
            return Bearer::Unknown;
        };
        if token.expires <= Instant::now() {
            return Bearer::Expired;
        }
        Bearer::Valid(Grant {
            scopes: token.scopes.clone(),
            ..grant.clone()
        })
    }

    /// Ends the grant that an access token comes from, with all its tokens.
    pub fn revoke(&self, access_token: &str) {
        let mut kept = self.kept();
        if let Some(token) = kept.access.get(access_token) {
            let number = token.grant;
            kept.end(number);
        }
    }

    /// Lets one access token expire.
    pub fn expire(&self, access_token: &str) {
        if let Some(token) = self.kept().access.get_mut(access_token) {
            token.expires = Instant::now();
        }
    }

    /// Lets all access tokens expire and says how many there were.
    pub fn expire_all(&self) -> usize {
        let mut kept = self.kept();
        for token in kept.access.values_mut() {
            token.expires = Instant::now();
        }
        kept.access.len()
    }

    /// The scopes that a person has granted to an app so far; `None` if it is not connected.
    pub fn granted(&self, account: usize, app_key: &str) -> Option<BTreeSet<String>> {
        let kept = self.kept();
        let mut of_both = kept
            .grants
            .values()
            .filter(|grant| grant.account == account && grant.app_key == app_key)
            .peekable();
        of_both.peek()?;
        Some(
            of_both
                .flat_map(|grant| grant.scopes.iter().cloned())
                .collect(),
        )
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn issue_access(&mut self, grant: u64, scopes: BTreeSet<String>, lifetime: Duration) -> String {
        let text = format!("sl.u.{}", random_text(64));
        let token = AccessToken {
            grant,
            scopes,
            expires: Instant::now() + lifetime,
        };
        self.access.insert(text.clone(), token);
        text
    }

    fn end(&mut self, number: u64) {
        self.grants.remove(&number);
        self.access.retain(|_, token| token.grant != number);
        self.refresh.retain(|_, token| token.grant != number);
    }
}

/// Text that nobody guesses, fit for a URL.
pub fn random_text(bytes: usize) -> String {
    let mut buffer = vec![0_u8; bytes];
    rand::fill(&mut buffer[..]);
    URL_SAFE_NO_PAD.encode(buffer)
}
