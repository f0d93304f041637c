//! Signing in and out, following an invitation, and what somebody sets for themselves.

use actix_web::http::StatusCode;
use actix_web::http::header::USER_AGENT;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::present;
use super::who::{Person, from_our_pages, number, proof, rooms};
use super::{Body, answer, cookie, ok};
use crate::access::accounts::{Account, Joining, Session, SignIn, SignedIn};
use crate::http::{Edge, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    email: String,
    password: String,
    #[serde(default)]
    code: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Followed {
    invitation: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    invitation: String,
    email: String,
    #[serde(default)]
    name: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    #[serde(default, deserialize_with = "present")]
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    password: Option<NewPassword>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    present: String,
    new: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Password {
    password: String,
}

/// A person as they see themselves.
fn shown(account: &Account) -> Value {
    json!({
        "email": account.email,
        "name": account.name,
        "operator": account.operator,
        "second_factor": account.second_factor,
        "created_at": account.created_at,
    })
}

fn told(edge: &Edge, session: &Session) -> Value {
    json!({
        "account": shown(&session.account),
        "session": session.id,
        "csrf": proof(edge, session),
    })
}

fn agent(request: &HttpRequest) -> String {
    let agent = request.headers().get(USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok());
    agent.unwrap_or_default().to_owned()
}

fn welcome(edge: &Edge, status: StatusCode, begun: &(SignedIn, Session)) -> HttpResponse {
    let (signed_in, session) = begun;
    let mut response = answer(status, &told(edge, session));
    // A cookie that is no cookie is a fault of ours; the answer then signs nobody in.
    drop(response.add_cookie(&cookie::of(edge, signed_in)));
    response
}

/// Signs in.
pub(super) async fn sign_in(request: HttpRequest, body: Body) -> Result<HttpResponse, Problem> {
    let edge = rooms(&request)?;
    from_our_pages(&edge, &request)?;
    let wish: Credentials = body.read()?;
    let wish = SignIn {
        email: wish.email,
        password: wish.password,
        code: wish.code,
        agent: agent(&request),
    };
    let accounts = edge.accounts.clone();
    let begun = edge
        .run(async move { accounts.sign_in(wish).await })
        .await?;
    Ok(welcome(&edge, StatusCode::CREATED, &begun))
}

/// Who is signed in.
pub(super) async fn get(person: Person) -> Result<HttpResponse, Problem> {
    Ok(ok(&told(&person.edge, &person.session)))
}

/// Signs out.
pub(super) async fn sign_out(person: Person) -> Result<HttpResponse, Problem> {
    let accounts = person.edge.accounts.clone();
    let (account, id) = (person.session.account.id, person.session.id);
    person
        .edge
        .run(async move { accounts.end_session(account, id).await })
        .await?;
    let mut response = HttpResponse::NoContent().finish();
    drop(response.add_cookie(&cookie::none(&person.edge)));
    Ok(response)
}

/// What a link invites to. The token comes in a body: addresses are written into logs.
pub(super) async fn look(request: HttpRequest, body: Body) -> Result<HttpResponse, Problem> {
    let edge = rooms(&request)?;
    let followed: Followed = body.read()?;
    let (accounts, applications) = (edge.accounts.clone(), edge.applications.clone());
    let found = edge.run(async move {
        let invitation = accounts.invitation(&followed.invitation).await?;
        let application = match invitation.application {
            Some(id) => Some(applications.by_id(id).await?),
            None => None,
        };
        Ok::<_, Problem>((invitation, application))
    });
    let (invitation, application) = found.await?;
    Ok(ok(&json!({
        "email": invitation.email,
        "role": invitation.role,
        "application": application.map(|application| application.name.clone()),
        "invited_by": invitation.application.map(|_| invitation.invited_by),
        "expires_at": invitation.expires_at,
    })))
}

/// Makes the account of somebody who follows a link, and signs them in.
pub(super) async fn join(request: HttpRequest, body: Body) -> Result<HttpResponse, Problem> {
    let edge = rooms(&request)?;
    from_our_pages(&edge, &request)?;
    let new: New = body.read()?;
    let joining = Joining {
        token: new.invitation,
        email: new.email,
        name: new.name,
        password: new.password,
        agent: agent(&request),
    };
    let accounts = edge.accounts.clone();
    let begun = edge
        .run(async move { accounts.join(joining).await })
        .await?;
    Ok(welcome(&edge, StatusCode::CREATED, &begun))
}

/// Takes what a link offers to somebody who has an account.
pub(super) async fn accept(person: Person, body: Body) -> Result<HttpResponse, Problem> {
    let followed: Followed = body.read()?;
    let accounts = person.edge.accounts.clone();
    let applications = person.edge.applications.clone();
    let account = person.session.account.clone();
    let accepted = person.edge.run(async move {
        let invitation = accounts.accept(&account, &followed.invitation).await?;
        let application = match invitation.application {
            Some(id) => Some(applications.by_id(id).await?),
            None => None,
        };
        Ok::<_, Problem>((invitation, application))
    });
    let (invitation, application) = accepted.await?;
    Ok(ok(&json!({
        "apikey": application.map(|application| application.apikey.clone()),
        "role": invitation.role,
    })))
}

/// Changes one's own name or password.
pub(super) async fn change(person: Person, body: Body) -> Result<HttpResponse, Problem> {
    let change: Change = body.read()?;
    let accounts = person.edge.accounts.clone();
    let mut session = person.session.clone();
    let changed = person.edge.run(async move {
        let account = &mut session.account;
        if let Some(password) = change.password {
            accounts
                .change_password(account, session.id, password.present, password.new)
                .await?;
        }
        if let Some(name) = change.name {
            account.name = accounts.rename(account.id, &name).await?;
        }
        Ok::<_, Problem>(session)
    });
    Ok(ok(&shown(&changed.await?.account)))
}

/// The browsers in which one is signed in.
pub(super) async fn sessions(person: Person) -> Result<HttpResponse, Problem> {
    let (accounts, id) = (person.edge.accounts.clone(), person.session.account.id);
    let found = person
        .edge
        .run(async move { accounts.sessions_of(id).await });
    let items: Vec<Value> = found
        .await?
        .iter()
        .map(|seen| {
            let mut told = json!(seen);
            told["present"] = (seen.id == person.session.id).into();
            told
        })
        .collect();
    Ok(ok(&json!({ "items": items, "next": null })))
}

/// Signs one of them out.
pub(super) async fn end(person: Person) -> Result<HttpResponse, Problem> {
    let id = number(&person.request, "session")?;
    let (accounts, account) = (person.edge.accounts.clone(), person.session.account.id);
    person
        .edge
        .run(async move { accounts.end_session(account, id).await })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Offers a second factor.
pub(super) async fn offer(person: Person, body: Body) -> Result<HttpResponse, Problem> {
    let proof: Password = body.read()?;
    let (accounts, account) = (person.edge.accounts.clone(), person.session.account);
    let offered = person.edge.run(async move {
        accounts.prove(&account, proof.password).await?;
        accounts.offer_second_factor(&account).await
    });
    let offer = offered.await?;
    let told = json!({ "secret": offer.secret, "url": offer.url });
    Ok(answer(StatusCode::CREATED, &told))
}

/// Switches the offered second factor on; the answer alone shows the recovery codes.
pub(super) async fn confirm(person: Person, body: Body) -> Result<HttpResponse, Problem> {
    let shown: Code = body.read()?;
    let (accounts, account) = (person.edge.accounts.clone(), person.session.account);
    let codes = person.edge.run(async move {
        accounts
            .switch_second_factor_on(&account, &shown.code)
            .await
    });
    let told = json!({ "recovery_codes": codes.await? });
    Ok(answer(StatusCode::CREATED, &told))
}

/// Switches it off.
pub(super) async fn withdraw(person: Person, body: Body) -> Result<HttpResponse, Problem> {
    let proof: Password = body.read()?;
    let (accounts, account) = (person.edge.accounts.clone(), person.session.account);
    person
        .edge
        .run(async move {
            accounts.prove(&account, proof.password).await?;
            accounts
                .switch_second_factor_off(&account, &account.actor())
                .await
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
