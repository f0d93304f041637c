//! How a secret is replaced while deliveries go on.
//!
//! In two steps, because receivers compare `FS-Signature` with one value: `rotate` makes a
//! second secret that signs beside the first; when the receiver knows it, `promote` (or time)
//! makes it the first, and the old one signs beside it for a while. Phases end by the clock, in
//! [`Rotation::at`]: nobody has to come by and write that down.

use std::time::Duration;

use futures_util::FutureExt;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::sign::{self, Secrets};
use super::{WebhookError, Webhooks};
use crate::access::audit::{self, Actor, Deed};
use crate::access::{ApplicationId, MasterKey, Purpose};

/// How far a rotation is, as the row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rotation {
    /// One secret.
    None,
    /// The other secret is to become the first at this time.
    Pending(i64),
    /// The other secret was the first and signs on until this time.
    Retiring(i64),
}

impl Rotation {
    pub(super) fn from_row(phase: i64, ends_at: Option<i64>) -> Self {
        match (phase, ends_at) {
            (1, Some(at)) => Self::Pending(at),
            (2, Some(at)) => Self::Retiring(at),
            _ => Self::None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pending(_) => "pending",
            Self::Retiring(_) => "retiring",
        }
    }

    pub(super) fn ends_at(self) -> Option<i64> {
        match self {
            Self::None => None,
            Self::Pending(at) | Self::Retiring(at) => Some(at),
        }
    }

    /// The phase at a moment, and whether the two secrets have changed places since the row was
    /// written.
    pub(super) fn at(self, now: i64, overlap_ms: i64) -> (Self, bool) {
        match self {
            Self::Pending(at) if now >= at => {
                let (phase, _) = Self::Retiring(at.saturating_add(overlap_ms)).at(now, overlap_ms);
                (phase, true)
            }
            Self::Retiring(at) if now >= at => (Self::None, false),
            phase => (phase, false),
        }
    }
}

/// Opens the secrets in force at `now`.
pub(super) fn secrets(
    row: &AnyRow,
    key: &MasterKey,
    now: i64,
    overlap_ms: i64,
) -> Result<Secrets, WebhookError> {
    let sealed: Vec<u8> = row.try_get("secret")?;
    let other: Option<Vec<u8>> = row.try_get("other_secret")?;
    let rotation = Rotation::from_row(row.try_get("rotation")?, row.try_get("rotation_ends_at")?);
    let first = key.open(Purpose::EndpointSecret, &sealed)?;
    let Some(other) = other else {
        return Ok(Secrets {
            primary: first,
            secondary: None,
        });
    };
    let (phase, swapped) = rotation.at(now, overlap_ms);
    if phase == Rotation::None && !swapped {
        return Ok(Secrets {
            primary: first,
            secondary: None,
        });
    }
    let other = key.open(Purpose::EndpointSecret, &other)?;
    let (primary, second) = if swapped {
        (other, first)
    } else {
        (first, other)
    };
    Ok(Secrets {
        primary,
        secondary: (phase != Rotation::None).then_some(second),
    })
}

impl Webhooks {
    /// Makes a second secret, which signs beside the first until it is promoted. Answers it; it
    /// is not shown again.
    ///
    /// # Errors
    /// [`WebhookError::RotationOpen`] while two secrets are alive.
    pub async fn rotate_secret(
        &self,
        application: ApplicationId,
        id: i64,
        actor: &Actor,
    ) -> Result<String, WebhookError> {
        let row = self.endpoint_row(application, id).await?;
        let now = self.room.clock.now_ms();
        let secrets = secrets(&row, &self.room.master_key, now, self.room.overlap_ms())?;
        if secrets.secondary.is_some() {
            return Err(WebhookError::RotationOpen);
        }
        let fresh = sign::new_secret();
        let ends_at = now.saturating_add(self.room.overlap_ms());
        let change = Change {
            first: secrets.primary,
            other: Some(fresh.clone()),
            phase: Rotation::Pending(ends_at),
        };
        let deed = Deed::new("endpoint.rotate-secret", &format!("endpoint {id}"));
        self.write_secrets(&row, change, application, actor, deed)
            .await?;
        Ok(fresh)
    }

    /// Makes the second secret the first; the old one signs beside it for `overlap` (by default
    /// as the settings say; zero: no longer).
    ///
    /// # Errors
    /// [`WebhookError::NoRotation`] when no second secret waits.
    pub async fn promote_secret(
        &self,
        application: ApplicationId,
        id: i64,
        overlap: Option<Duration>,
        actor: &Actor,
    ) -> Result<(), WebhookError> {
        let row = self.endpoint_row(application, id).await?;
        let now = self.room.clock.now_ms();
        let rotation =
            Rotation::from_row(row.try_get("rotation")?, row.try_get("rotation_ends_at")?);
        let (phase, swapped) = rotation.at(now, self.room.overlap_ms());
        let Secrets { primary, secondary } =
            secrets(&row, &self.room.master_key, now, self.room.overlap_ms())?;
        let Some(second) = secondary else {
            return Err(WebhookError::NoRotation);
        };
        let keep = overlap.map_or(self.room.overlap_ms(), |overlap| {
            i64::try_from(overlap.as_millis()).unwrap_or(i64::MAX)
        });
        let pending = matches!(phase, Rotation::Pending(_)) && !swapped;
        // Promoted already, by hand or by the clock: only how long the old one lives is changed.
        let (first, old) = if pending {
            (second, primary)
        } else {
            (primary, second)
        };
        let (other, phase) = match keep {
            0 => (None, Rotation::None),
            keep => (Some(old), Rotation::Retiring(now.saturating_add(keep))),
        };
        let change = Change {
            first,
            other,
            phase,
        };
        let deed = Deed::new("endpoint.promote-secret", &format!("endpoint {id}"));
        self.write_secrets(&row, change, application, actor, deed)
            .await
    }

    /// Writes secrets down, unless somebody else has changed them meanwhile.
    async fn write_secrets(
        &self,
        row: &AnyRow,
        change: Change,
        application: ApplicationId,
        actor: &Actor,
        deed: Deed,
    ) -> Result<(), WebhookError> {
        let actor = actor.clone();
        let seal = |secret: &str| self.room.master_key.seal(Purpose::EndpointSecret, secret);
        let first = seal(&change.first)?;
        let other = change.other.as_deref().map(seal).transpose()?;
        let (id, was): (i64, Vec<u8>) = (row.try_get("id")?, row.try_get("secret")?);
        let phase_was: i64 = row.try_get("rotation")?;
        let (phase, ends_at) = match change.phase {
            Rotation::None => (0_i64, None),
            Rotation::Pending(at) => (1, Some(at)),
            Rotation::Retiring(at) => (2, Some(at)),
        };
        let now = self.room.clock.now_ms();
        let changed = self
            .room
            .database
            .write(move |tx| {
                async move {
                    let done = sqlx::query(
                        "UPDATE endpoints SET secret = $1, other_secret = $2, rotation = $3, \
                         rotation_ends_at = $4, updated_at = $5 \
                         WHERE id = $6 AND secret = $7 AND rotation = $8",
                    )
                    .bind(first)
                    .bind(other)
                    .bind(phase)
                    .bind(ends_at)
                    .bind(now)
                    .bind(id)
                    .bind(was)
                    .bind(phase_was)
                    .execute(&mut *tx)
                    .await?;
                    if done.rows_affected() > 0 {
                        audit::record(tx, Some(application), &actor, &deed, now).await?;
                    }
                    Ok::<_, WebhookError>(done.rows_affected())
                }
                .boxed()
            })
            .await?;
        if changed == 0 {
            Err(WebhookError::RotationOpen)
        } else {
            Ok(())
        }
    }
}

struct Change {
    first: String,
    other: Option<String>,
    phase: Rotation,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_end_by_the_clock() {
        let pending = Rotation::Pending(100);
        assert_eq!(pending.at(99, 50), (Rotation::Pending(100), false));
        assert_eq!(pending.at(100, 50), (Rotation::Retiring(150), true));
        assert_eq!(pending.at(150, 50), (Rotation::None, true));
        assert_eq!(Rotation::Retiring(100).at(100, 50), (Rotation::None, false));
        assert_eq!(Rotation::None.at(100, 50), (Rotation::None, false));
    }
}
