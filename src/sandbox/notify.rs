//! How apps hear of changes: the call that waits, and webhooks.

use std::{sync::Arc, time::Duration};

use actix_web::rt::time::{sleep, timeout};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    accounts::Account,
    call::{Answer, Call},
    errors::Refusal,
    grants::random_text,
    listing::Cursor,
    options::AppOptions,
    simulation::Simulation,
};

/// How long an app's server may think.
const PATIENCE: Duration = Duration::from_secs(10);

/// Changes that come together are told together.
const GATHER: Duration = Duration::from_millis(150);

/// `files/list_folder/longpoll`
pub async fn longpoll(call: Call) -> Answer {
    let cursor = Cursor::decode(call.text("cursor")?)?;
    let seconds = call.number("timeout", 30, 480)?.unwrap_or(30);
    let simulation = &call.simulation;
    if !cursor.of_run(&simulation.run) {
        return Err(Refusal::tags(&["reset"]));
    }
    let account = simulation
        .accounts
        .iter()
        .find(|account| account.id == cursor.account())
        .ok_or_else(|| Refusal::BadInput("Invalid \"cursor\" parameter".to_owned()))?;
    let mut changes = account.changes();
    let waiting = async {
        loop {
            changes.mark_unchanged();
            if cursor.news(&account.tree()) {
                return true;
            }
            // The sender lives as long as the account, so this only ends with a change.
            if changes.changed().await.is_err() {
                return false;
            }
        }
    };
    let changed = timeout(Duration::from_secs(seconds), waiting)
        .await
        .unwrap_or(false);
    Ok(json!({ "changes": changed }))
}

/// Tells every app of an account's changes, for as long as the sandbox runs.
pub async fn tell_apps(simulation: Arc<Simulation>, number: usize, client: reqwest::Client) {
    let Some(account) = simulation.accounts.get(number).cloned() else {
        return;
    };
    let mut changes = account.changes();
    changes.mark_unchanged();
    while changes.changed().await.is_ok() {
        sleep(GATHER).await;
        changes.mark_unchanged();
        for app in &simulation.apps {
            if simulation.grants.granted(number, &app.key).is_none() {
                continue;
            }
            for target in targets(&simulation, app) {
                let (client, app, account) = (client.clone(), app.clone(), account.clone());
                actix_web::rt::spawn(async move { notify(&client, &app, &target, &account).await });
            }
        }
    }
}

/// The challenges that Dropbox sends when a webhook is registered.
pub async fn challenge_all(simulation: Arc<Simulation>, client: reqwest::Client) {
    for app in &simulation.apps {
        for target in targets(&simulation, app) {
            match challenge(&client, &target).await {
                true => log::info!("sandbox: {target} passed the webhook challenge"),
                false => log::warn!("sandbox: {target} did not echo the webhook challenge"),
            }
        }
    }
}

fn targets(simulation: &Simulation, app: &AppOptions) -> Vec<String> {
    let own = app.webhook_uri.iter();
    own.chain(&simulation.webhook_targets).cloned().collect()
}

/// Whether a target repeats what it is given.
pub async fn challenge(client: &reqwest::Client, target: &str) -> bool {
    let text = random_text(24);
    let asked = client
        .get(target)
        .query(&[("challenge", &text)])
        .timeout(PATIENCE)
        .send()
        .await;
    match asked {
        Ok(answer) if answer.status().is_success() => {
            answer.text().await.is_ok_and(|echo| echo == text)
        }
        _ => false,
    }
}

async fn notify(client: &reqwest::Client, app: &AppOptions, target: &str, account: &Account) {
    let body = body(account).to_string();
    for wait in [0, 1, 2, 4] {
        sleep(Duration::from_secs(wait)).await;
        let sent = client
            .post(target)
            .header("Content-Type", "application/json")
            .header("User-Agent", "DropboxWebhooks/1.0")
            .header(
                "X-Dropbox-Signature",
                signature(&app.secret, body.as_bytes()),
            )
            .timeout(PATIENCE)
            .body(body.clone())
            .send()
            .await;
        if sent.is_ok_and(|answer| answer.status().is_success()) {
            return;
        }
    }
    log::warn!("sandbox: {target} did not take a notification");
}

fn body(account: &Account) -> Value {
    json!({
        "list_folder": { "accounts": [account.id] },
        "delta": { "users": [account.uid] },
    })
}

/// Hexadecimal HMAC-SHA256 under the app's secret.
fn signature(secret: &str, body: &[u8]) -> String {
    match Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        Ok(mut mac) => {
            mac.update(body);
            hex::encode(mac.finalize().into_bytes())
        }
        // HMAC takes keys of any length.
        Err(_) => String::new(),
    }
}
