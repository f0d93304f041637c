//! Who may follow a shared link, with which password and until when.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::{
    call::Call,
    errors::Refusal,
    time::{self, timestamp},
};

const FIELDS: &[&str] = &[
    "require_password",
    "link_password",
    "expires",
    "audience",
    "access",
    "requested_visibility",
    "allow_download",
];

/// What a link's owner has set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LinkSettings {
    /// Whether only members of the owner's team may follow it.
    team_only: bool,
    /// What must be shown to follow it.
    password: Option<String>,
    /// When it ceases to work.
    expires: Option<SystemTime>,
    /// Whether the content may only be looked at.
    no_download: bool,
}

impl LinkSettings {
    /// These settings with the changes that a call's `settings` ask for.
    pub fn changed_by(&self, call: &Call) -> Result<LinkSettings, Refusal> {
        let mut settings = self.clone();
        let asked = match call.arg.get("settings") {
            None | Some(Value::Null) => return Ok(settings),
            Some(asked) => call.with(asked.clone()),
        };
        let fields = asked.arg.as_object().ok_or_else(|| {
            Refusal::BadInput("request body: settings: expected object".to_owned())
        })?;
        if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            return Err(Refusal::BadInput(format!(
                "request body: settings: unknown field '{unknown}'"
            )));
        }
        let visibility = asked.tag("requested_visibility")?;
        let with_password = match (visibility, asked.flag("require_password")?) {
            (Some("password"), _) | (_, true) => true,
            (None | Some("public" | "team_only"), false) => false,
            (Some(other), _) => return Err(unknown_tag("requested_visibility", other)),
        };
        let team_only = match (visibility, asked.tag("audience")?) {
            (Some("team_only"), _) | (_, Some("team" | "members")) => Some(true),
            (Some(_), None) | (_, Some("public" | "password" | "no_one")) => Some(false),
            (None, None) => None,
            (_, Some(other)) => return Err(unknown_tag("audience", other)),
        };
        settings.team_only = team_only.unwrap_or(settings.team_only);
        match (with_password, asked.optional_text("link_password")?) {
            (true, None | Some("")) => return Err(invalid()),
            (_, Some(password)) => settings.password = Some(password.to_owned()),
            (false, None) => {}
        }
        if let Some(text) = asked.optional_text("expires")? {
            let when = time::parse_timestamp(text).ok_or_else(|| {
                Refusal::BadInput(format!("request body: settings: expires: time data '{text}' does not match format '%Y-%m-%dT%H:%M:%SZ'"))
            })?;
            if when <= time::now() {
                return Err(invalid());
            }
            settings.expires = Some(when);
        }
        if !asked.flag_or("allow_download", true)? {
            settings.no_download = true;
        }
        // Basic accounts have public links and no others.
        let account = &call.view()?.account;
        if settings != LinkSettings::default() && !account.is_team() {
            return Err(Refusal::tags(&["settings_error", "not_authorized"]));
        }
        Ok(settings)
    }

    /// The same without an end.
    pub fn without_end(mut self) -> LinkSettings {
        self.expires = None;
        self
    }

    /// Whether the link has ceased to work.
    pub fn is_over(&self) -> bool {
        self.expires.is_some_and(|end| end <= time::now())
    }

    /// Whether a caller who shows this password may follow the link.
    pub fn admits(&self, password: Option<&str>, teammate: bool) -> bool {
        let known = self.password.is_none() || self.password.as_deref() == password;
        known && (teammate || !self.team_only)
    }

    /// Whether the link gives the content away.
    pub fn gives_content(&self) -> bool {
        !self.no_download
    }

    /// When the link ends, as metadata says it.
    pub fn end(&self) -> Option<Value> {
        self.expires.map(|end| json!(timestamp(end)))
    }

    /// `link_permissions` of a link in these settings.
    pub fn permissions(&self, owned: bool, rich: bool) -> Value {
        let visibility = match (self.team_only, self.password.is_some()) {
            (true, true) => "team_and_password",
            (true, false) => "team_only",
            (false, true) => "password",
            (false, false) => "public",
        };
        let audience = if self.team_only { "team" } else { "public" };
        let mut permissions = json!({
            "resolved_visibility": { ".tag": visibility },
            "effective_audience": { ".tag": audience },
            "link_access_level": { ".tag": "viewer" },
            "can_revoke": owned,
            "visibility_policies": [],
            "can_set_expiry": owned && rich,
            "can_remove_expiry": owned && rich && self.expires.is_some(),
            "allow_download": self.gives_content(),
            "can_allow_download": owned,
            "can_disallow_download": owned && rich,
            "allow_comments": true,
            "team_restricts_comments": false,
            "can_set_password": owned && rich,
            "can_remove_password": owned && rich && self.password.is_some(),
            "require_password": self.password.is_some(),
        });
        if owned {
            let requested = match visibility {
                "team_and_password" => "password",
                other => other,
            };
            permissions["requested_visibility"] = json!({ ".tag": requested });
        } else {
            permissions["revoke_failure_reason"] = json!({ ".tag": "owner_only" });
        }
        permissions
    }
}

/// `sharing/modify_shared_link_settings`, as far as the settings go.
pub fn modified(call: &Call, old: &LinkSettings) -> Result<LinkSettings, Refusal> {
    let settings = old.changed_by(call)?;
    Ok(match call.flag("remove_expiration")? {
        true => settings.without_end(),
        false => settings,
    })
}

fn invalid() -> Refusal {
    Refusal::tags(&["settings_error", "invalid_settings"])
}

fn unknown_tag(field: &str, tag: &str) -> Refusal {
    Refusal::BadInput(format!(
        "request body: settings: {field}: unknown tag '{tag}'"
    ))
}
