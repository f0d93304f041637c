//! The way to Dropbox's consent page.
//!
//! Every picker that opens asks for such a link, and most are never followed, so nothing is
//! written for one. All that is needed on the way back travels in the `state`, sealed; the PKCE
//! verifier is not even there: only our master key can make it again. That a state is used once
//! is recorded when it comes back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::settings::ms;
use super::{ConnectionError, Connections, Session};
use crate::access::{Application, ApplicationId, MasterKey, Purpose, random_name};
use crate::dropbox::AuthorizeRequest;

/// Dropbox gives back at most 2,000 bytes of state; sealed and in base64, a return URL of this
/// length fits.
pub(super) const LONGEST_RETURN_URL: usize = 1_300;

/// What a person is sent to Dropbox for. Each has a redirect URI of its own, as in Filestack's
/// documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Picking.
    Open,
    /// Exporting.
    SaveAs,
}

impl Intent {
    /// The last part of its redirect URI.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::SaveAs => "saveas",
        }
    }

    /// What the Dropbox app must be able to do.
    pub const fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Open => &[
                "account_info.read",
                "files.metadata.read",
                "files.content.read",
            ],
            Self::SaveAs => &[
                "account_info.read",
                "files.metadata.read",
                "files.content.read",
                "files.content.write",
            ],
        }
    }
}

/// What travels to Dropbox and back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Journey {
    pub application_id: ApplicationId,
    pub session_hash: String,
    pub intent: Intent,
    pub begun_ms: i64,
    pub nonce: String,
    /// The PKCE verifier: 64 hex digits that follow from the nonce under the key that sealed the
    /// state. It does not travel with it.
    pub verifier: String,
    pub return_url: Option<String>,
}

impl Connections {
    /// The address of Dropbox's consent page for this session. `return_url` is where the person
    /// goes afterwards, if not simply back to the page that waits.
    ///
    /// # Errors
    /// [`ConnectionError::NotConfigured`] without a Dropbox app, and
    /// [`ConnectionError::ReturnUrlTooLong`].
    pub fn authorization_link(
        &self,
        application: &Application,
        session: &Session,
        intent: Intent,
        return_url: Option<&str>,
    ) -> Result<Url, ConnectionError> {
        let app = self.app_of(application)?;
        if return_url.is_some_and(|url| url.len() > LONGEST_RETURN_URL) {
            return Err(ConnectionError::ReturnUrlTooLong);
        }
        let needs = &self.inner.needs;
        let nonce = random_name(22);
        let journey = Journey {
            application_id: application.id,
            session_hash: session.hash.clone(),
            intent,
            begun_ms: needs.clock.now_ms(),
            verifier: verifier(&needs.master_key, &nonce),
            nonce,
            return_url: return_url.map(str::to_owned),
        };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&journey.verifier));
        Ok(needs.dropbox.authorize_url(
            &app,
            &AuthorizeRequest {
                redirect_uri: &self.redirect_uri(intent),
                state: &journey.seal(&needs.master_key)?,
                code_challenge: &challenge,
                // All that the app is set up for: what is missing is then told by us, in words
                // that help its developer, and not by a page of Dropbox's.
                scopes: &[],
                force_reapprove: false,
                locale: None,
            },
        ))
    }

    /// Opens a state that came back: who went on the way, and whether they took too long.
    pub(super) fn journey(&self, state: &str) -> Option<(Journey, bool)> {
        let needs = &self.inner.needs;
        let journey = Journey::open(&needs.master_key, state)?;
        let age = needs.clock.now_ms().saturating_sub(journey.begun_ms);
        let late = age > ms(self.inner.settings.authorization_lifetime);
        Some((journey, late))
    }
}

fn verifier(key: &MasterKey, nonce: &str) -> String {
    key.mac("pkce verifier", nonce)
}

impl Journey {
    fn seal(&self, key: &MasterKey) -> Result<String, ConnectionError> {
        let text = format!(
            "{} {} {} {} {} {}",
            self.application_id.0,
            self.session_hash,
            self.intent.as_str(),
            self.begun_ms,
            self.nonce,
            self.return_url.as_deref().unwrap_or_default(),
        );
        Ok(URL_SAFE_NO_PAD.encode(key.seal(Purpose::Link, &text)?))
    }

    fn open(key: &MasterKey, state: &str) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(state).ok()?;
        let text = key.open(Purpose::Link, &sealed).ok()?;
        // Begun under another key, it can be ended only under that one.
        let maker = key.that_sealed(&sealed).ok()?;
        let mut parts = text.splitn(6, ' ');
        let mut journey = Self {
            application_id: ApplicationId(parts.next()?.parse().ok()?),
            session_hash: parts.next()?.to_owned(),
            intent: match parts.next()? {
                "open" => Intent::Open,
                "saveas" => Intent::SaveAs,
                _ => return None,
            },
            begun_ms: parts.next()?.parse().ok()?,
            nonce: parts.next()?.to_owned(),
            verifier: String::new(),
            return_url: parts
                .next()
                .filter(|url| !url.is_empty())
                .map(str::to_owned),
        };
        journey.verifier = verifier(&maker, &journey.nonce);
        Some(journey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_state_fits_into_what_dropbox_gives_back() {
        let key = MasterKey::parse(&MasterKey::generate()).unwrap();
        let nonce = random_name(22);
        let journey = Journey {
            application_id: ApplicationId(i64::MAX),
            session_hash: "f".repeat(64),
            intent: Intent::SaveAs,
            begun_ms: 99_999_999_999_999,
            verifier: verifier(&key, &nonce),
            nonce,
            return_url: Some("u".repeat(LONGEST_RETURN_URL)),
        };
        let state = journey.seal(&key).unwrap();
        assert!(state.len() <= 2000, "{}", state.len());
        assert_eq!(Journey::open(&key, &state), Some(journey));
    }

    #[test]
    fn a_state_of_another_key_or_of_nobody_is_not_opened() {
        let key = MasterKey::parse(&MasterKey::generate()).unwrap();
        for foreign in ["", "x", "AQ", "not base64!"] {
            assert_eq!(Journey::open(&key, foreign), None, "{foreign}");
        }
    }
}
