//! The switches under `/_sandbox/`, with which tests steer the simulation. Dropbox has none of
//! this.

use std::collections::BTreeSet;

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::{
    faults::FaultRule,
    grants::Grant,
    simulation::{SCOPES, Simulation, app_has},
};

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/_sandbox/faults")
                .route(web::post().to(add_fault))
                .route(web::get().to(list_faults))
                .route(web::delete().to(clear_faults)),
        )
        .route("/_sandbox/faults/{id}", web::delete().to(remove_fault))
        .service(
            web::resource("/_sandbox/requests")
                .route(web::get().to(list_requests))
                .route(web::delete().to(clear_requests)),
        )
        .route("/_sandbox/expire_tokens", web::post().to(expire_tokens))
        .route("/_sandbox/grant", web::post().to(grant))
        .route("/_sandbox/accounts", web::get().to(accounts));
}

fn refused(reason: impl std::fmt::Display) -> HttpResponse {
    HttpResponse::BadRequest().json(json!({ "error": reason.to_string() }))
}

async fn add_fault(simulation: web::Data<Simulation>, body: web::Bytes) -> HttpResponse {
    match serde_json::from_slice::<FaultRule>(&body) {
        Ok(rule) => HttpResponse::Ok().json(json!({ "id": simulation.faults.add(rule) })),
        Err(error) => refused(error),
    }
}

async fn list_faults(simulation: web::Data<Simulation>) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "faults": simulation.faults.list() }))
}

async fn clear_faults(simulation: web::Data<Simulation>) -> HttpResponse {
    simulation.faults.clear();
    HttpResponse::Ok().json(json!({}))
}

async fn remove_fault(simulation: web::Data<Simulation>, id: web::Path<u64>) -> HttpResponse {
    match simulation.faults.remove(*id) {
        true => HttpResponse::Ok().json(json!({})),
        false => HttpResponse::NotFound().json(json!({ "error": "no such rule" })),
    }
}

async fn list_requests(simulation: web::Data<Simulation>) -> HttpResponse {
    HttpResponse::Ok().json(simulation.log.json())
}

async fn clear_requests(simulation: web::Data<Simulation>) -> HttpResponse {
    simulation.log.clear();
    HttpResponse::Ok().json(json!({}))
}

async fn expire_tokens(simulation: web::Data<Simulation>) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "expired": simulation.grants.expire_all() }))
}

async fn accounts(simulation: web::Data<Simulation>) -> HttpResponse {
    let accounts = simulation.accounts.iter().map(|account| {
        json!({
            "name": account.name,
            "account_id": account.id,
            "email": account.email,
            "folder": account.folder,
            "team": account.is_team(),
        })
    });
    HttpResponse::Ok().json(json!({ "accounts": accounts.collect::<Vec<_>>() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The first account if absent.
    account: Option<String>,
    /// The first app if absent.
    app_key: Option<String>,
    /// All that the app has if absent.
    scopes: Option<Vec<String>>,
}

/// A consent without a browser.
async fn grant(simulation: web::Data<Simulation>, body: web::Bytes) -> HttpResponse {
    let wanted: Wanted = match serde_json::from_slice(&body) {
        Ok(wanted) => wanted,
        Err(error) => return refused(error),
    };
    let account = match &wanted.account {
        Some(name) => simulation
            .accounts
            .iter()
            .position(|account| account.name == *name),
        None => Some(0),
    };
    let app = match &wanted.app_key {
        Some(key) => simulation.app(key),
        None => simulation.apps.first(),
    };
    let (Some(account), Some(app)) = (account, app) else {
        return refused("no such account or app");
    };
    let all = || {
        SCOPES
            .iter()
            .map(|scope| (*scope).to_owned())
            .filter(|scope| app_has(app, scope))
    };
    let scopes: BTreeSet<String> = match wanted.scopes {
        Some(scopes) => scopes.into_iter().collect(),
        None => all().collect(),
    };
    let consent = Grant {
        account,
        app_key: app.key.clone(),
        scopes,
    };
    let issued = simulation.grants.open(consent, true, true);
    let account = simulation.accounts.get(account);
    HttpResponse::Ok().json(json!({
        "access_token": issued.access_token,
        "refresh_token": issued.refresh_token,
        "account_id": account.map(|account| &account.id),
        "expires_in": simulation.grants.expires_in(),
    }))
}
