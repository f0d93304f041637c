//! Whether a request may do what it asks of a file.

use std::sync::Arc;

use actix_web::http::StatusCode;

use super::Asked;
use crate::access::{AccessError, Application, Call, Policy, Subject};
use crate::files::StoredFile;
use crate::http::{Edge, Problem};

/// A file, and by whose leave it is touched.
pub(super) struct Permit {
    pub file: StoredFile,
    pub application: Arc<Application>,
    /// The policy that came along.
    pub policy: Option<Policy>,
    /// Whether the application itself asks, with its secret.
    pub by_secret: bool,
}

impl Permit {
    /// Whether the request showed some authority, by a policy or the secret.
    pub fn has_authority(&self) -> bool {
        self.by_secret || self.policy.is_some()
    }

    /// Whether EXIF may be told: it can say where a person lives, so a policy has to name it.
    pub fn may_see_exif(&self) -> bool {
        let subject = Subject {
            handle: Some(self.file.handle.as_str()),
            ..Subject::default()
        };
        let named = |policy: &Policy| policy.allows(Call::Exif, &subject).is_ok();
        self.by_secret || self.policy.as_ref().is_some_and(named)
    }
}

/// Finds the file and checks that `call` is allowed; `changes` says that it alters the file.
///
/// # Errors
/// 404 for an unknown handle, 403 for a foreign key or a policy that does not do, 401 for a wrong
/// secret.
pub(super) async fn permit(
    edge: &Edge,
    asked: &Asked,
    call: Call,
    changes: bool,
) -> Result<Permit, Problem> {
    let (catalog, applications) = (edge.catalog.clone(), edge.applications.clone());
    let handle = asked.handle.clone();
    let found = edge.run(async move {
        let file = catalog.find(&handle).await?;
        let application = applications.by_id(file.application_id).await?;
        Ok::<_, Problem>((file, application))
    });
    let (file, application) = found.await?;
    if asked
        .apikey
        .as_ref()
        .is_some_and(|key| *key != application.apikey)
    {
        let message = "this file does not belong to the application with this API key";
        return Err(Problem::new(StatusCode::FORBIDDEN, "foreign-file", message));
    }
    let subject = Subject {
        handle: Some(file.handle.as_str()),
        ..Subject::default()
    };
    let now = edge.clock.now().timestamp();
    let policy = application
        .authorize(&asked.credentials, call, &subject, changes, now)
        .map_err(told)?;
    Ok(Permit {
        policy,
        by_secret: asked.credentials.secret.is_some(),
        file,
        application,
    })
}

/// Integrators search for the protocol's own words about an expired policy.
fn told(error: AccessError) -> Problem {
    match error {
        AccessError::PolicyExpired => Problem::new(
            StatusCode::FORBIDDEN,
            "policy-expired",
            "This action has been secured by the developer of this website. \
             Error: The signature has expired",
        ),
        other => other.into(),
    }
}
