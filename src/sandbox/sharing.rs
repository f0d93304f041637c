//! Shared links: made, listed, followed and taken back.

use std::sync::{Arc, PoisonError};

use actix_web::{
    HttpRequest, HttpResponse, http::StatusCode, http::header::CONTENT_DISPOSITION, web,
};
use serde_json::{Map, Value, json};

use super::{
    accounts::modified,
    body,
    call::{Answer, Call, Reply},
    consent::escape,
    content, dispatch,
    errors::Refusal,
    grants::random_text,
    link_settings::{self, LinkSettings},
    paths::View,
    simulation::Simulation,
    time::timestamp,
    tree::Entry,
};

/// One shared link.
#[derive(Clone)]
pub struct SharedLink {
    url: String,
    key: String,
    view: View,
    entry_id: String,
    settings: LinkSettings,
}

/// `sharing/create_shared_link_with_settings`
pub fn create(call: &Call) -> Answer {
    let view = call.view()?;
    let entry = at(view, call.text("path")?)?;
    if entry.path_lower == view.base {
        return Err(Refusal::tags(&["access_denied"]));
    }
    let settings = LinkSettings::default().changed_by(call)?;
    if let Some(old) = links(call).iter().find(|link| link.leads_to(view, &entry)) {
        return Err(Refusal::Route(json!({
            ".tag": "shared_link_already_exists",
            "shared_link_already_exists": { ".tag": "metadata", "metadata": describe(old, &entry, view) },
        })));
    }
    let key = random_text(12);
    let kind = if entry.is_folder() { "fo" } else { "fi" };
    let name =
        percent_encoding::utf8_percent_encode(&entry.name, percent_encoding::NON_ALPHANUMERIC);
    let link = SharedLink {
        url: format!(
            "{}/scl/{kind}/{}/{name}?rlkey={key}&dl=0",
            call.simulation.url,
            random_text(12)
        ),
        key,
        view: view.clone(),
        entry_id: entry.id.clone(),
        settings,
    };
    let described = describe(&link, &entry, view);
    links(call).push(link);
    Ok(described)
}

/// `sharing/list_shared_links`
pub fn list(call: &Call) -> Answer {
    let view = call.view()?;
    // Everything fits into one page, so no cursor is ever given out.
    if call.optional_text("cursor")?.is_some() {
        return Err(Refusal::tags(&["reset"]));
    }
    let direct = call.flag("direct_only")?;
    let wanted = match call.optional_text("path")? {
        None | Some("") => None,
        Some(path) => Some(at(view, path)?),
    };
    let fits = |entry: &Entry| match &wanted {
        None => true,
        Some(wanted) if wanted.id == entry.id => true,
        // A link to a folder leads to what lies in it as well.
        Some(wanted) => !direct && below(&wanted.path_lower, &entry.path_lower).is_some(),
    };
    let mut described = Vec::new();
    for link in links(call)
        .iter()
        .filter(|link| link.view.account.id == view.account.id && !link.settings.is_over())
    {
        if let Some(entry) = link.entry().filter(|entry| fits(entry)) {
            described.push(describe(link, &entry, view));
        }
    }
    Ok(json!({ "links": described, "has_more": false }))
}

/// `sharing/get_shared_link_metadata`
pub fn get_metadata(call: &Call) -> Answer {
    let (link, entry) = find_inside(call)?;
    Ok(describe(&link, &entry, call.view()?))
}

/// `sharing/get_shared_link_file`
pub fn get_file(call: &Call) -> Result<body::Served, Refusal> {
    let (link, entry) = find_inside(call)?;
    if entry.is_folder() {
        return Err(Refusal::tags(&["shared_link_is_directory"]));
    }
    if !link.settings.gives_content() {
        return Err(Refusal::tags(&["shared_link_access_denied"]));
    }
    let described = describe(&link, &entry, call.view()?);
    content::served(&link.view, &entry, &described)
}

/// `sharing/modify_shared_link_settings`
pub fn modify(call: &Call) -> Answer {
    let (mut link, entry) = find(call)?;
    let view = call.view()?;
    if link.view.account.id != view.account.id {
        return Err(Refusal::tags(&["shared_link_access_denied"]));
    }
    link.settings = link_settings::modified(call, &link.settings)?;
    let mut links = links(call);
    for other in links.iter_mut().filter(|other| other.key == link.key) {
        other.settings = link.settings.clone();
    }
    Ok(describe(&link, &entry, view))
}

/// `sharing/revoke_shared_link`
pub fn revoke(call: &Call) -> Answer {
    let (link, _) = find(call)?;
    if link.view.account.id != call.view()?.account.id {
        return Err(Refusal::tags(&["shared_link_access_denied"]));
    }
    links(call).retain(|other| other.key != link.key);
    Ok(Value::Null)
}

/// What a browser gets at a shared link: a page, or with `dl=1` or `raw=1` the content.
pub async fn follow(request: HttpRequest, simulation: web::Data<Simulation>) -> HttpResponse {
    let shared = simulation.clone().into_inner();
    let query = dispatch::query(&request);
    let key = query.get("rlkey").cloned().unwrap_or_default();
    let wants = |name: &str| query.get(name).is_some_and(|value| value == "1");
    let (raw, download) = (wants("raw"), wants("dl"));
    let found = dispatch::block(move || open(&shared, &key, raw || download)).await;
    let reply = match found {
        Ok((_, Some(mut served))) => {
            if raw {
                served
                    .headers
                    .retain(|(name, _)| *name != CONTENT_DISPOSITION);
            }
            body::serve(&request, served)
        }
        Ok((entry, None)) => {
            let name = escape(&entry.name);
            let text = format!(
                "<!doctype html><meta charset=\"utf-8\"><title>{name}</title><h1>{name}</h1><p><a href=\"?{}\">Download</a></p>",
                escape(&request.query_string().replace("dl=0", "dl=1"))
            );
            Reply::bytes(StatusCode::OK, "text/html; charset=utf-8", text.into())
        }
        Err(refusal) => refusal.reply("shared_link"),
    };
    let reply = dispatch::finish(&request, &simulation, "shared_link", None, reply);
    dispatch::note(
        &request,
        &simulation,
        "shared_link",
        None,
        None,
        reply.status,
    );
    reply.response()
}

type Opened = (Arc<Entry>, Option<body::Served>);

fn open(simulation: &Simulation, key: &str, with_content: bool) -> Result<Opened, Refusal> {
    // A browser has no way here to show one.
    let password = None;
    let gone = || Refusal::Plain(404, "Not Found".to_owned());
    let links = simulation
        .shared_links
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let link = links
        .iter()
        .find(|link| link.key == key)
        .cloned()
        .ok_or_else(gone)?;
    drop(links);
    let open = !link.settings.is_over() && link.settings.admits(password, false);
    let entry = link.entry().filter(|_| open).ok_or_else(gone)?;
    let with_content = with_content && link.settings.gives_content();
    let served = match with_content && !entry.is_folder() {
        true => Some(content::attached(&link.view, &entry)?),
        false => None,
    };
    Ok((entry, served))
}

impl SharedLink {
    fn entry(&self) -> Option<Arc<Entry>> {
        self.view.account.tree().by_id(&self.entry_id).cloned()
    }

    fn leads_to(&self, view: &View, entry: &Entry) -> bool {
        self.view.account.id == view.account.id && self.entry_id == entry.id
    }
}

fn find(call: &Call) -> Result<(SharedLink, Arc<Entry>), Refusal> {
    let not_found = || Refusal::tags(&["shared_link_not_found"]);
    let url = call.text("url")?;
    let key = url::Url::parse(url).ok().and_then(|url| {
        let mut pairs = url.query_pairs();
        pairs
            .find(|(name, _)| name == "rlkey")
            .map(|(_, key)| key.into_owned())
    });
    let key = key.ok_or_else(not_found)?;
    let link = links(call).iter().find(|link| link.key == key).cloned();
    let link = link.ok_or_else(not_found)?;
    let over = link.settings.is_over();
    let entry = link.entry().filter(|_| !over).ok_or_else(not_found)?;
    Ok((link, entry))
}

/// The same for somebody who follows the link: they may have to show a password, and may ask for
/// something that lies in the folder.
fn find_inside(call: &Call) -> Result<(SharedLink, Arc<Entry>), Refusal> {
    let (link, mut entry) = find(call)?;
    let caller = &call.view()?.account;
    let owner = &link.view.account;
    let teammate = owner.is_team() && caller.is_team();
    let password = call.optional_text("link_password")?;
    if owner.id != caller.id && !link.settings.admits(password, teammate) {
        return Err(Refusal::tags(&["shared_link_access_denied"]));
    }
    if let Some(path) = call.optional_text("path")?.filter(|path| !path.is_empty()) {
        let not_found = || Refusal::tags(&["shared_link_not_found"]);
        let key = format!("{}{}", entry.path_lower, path.to_lowercase());
        let inside = entry.is_folder() && path.starts_with('/');
        let found = owner.tree().get(&key).cloned().filter(|_| inside);
        entry = found.ok_or_else(not_found)?;
    }
    Ok((link, entry))
}

/// What a link leads to, and the account that it lies in, for calls that name a link.
pub fn linked(call: &Call) -> Result<(View, Arc<Entry>), Refusal> {
    let (link, entry) = find_inside(call)?;
    Ok((link.view, entry))
}

/// What lies at a path, seen afresh.
fn at(view: &View, path: &str) -> Result<Arc<Entry>, Refusal> {
    view.account.refresh("");
    view.find(&view.account.tree(), path)
        .map_err(|lost| lost.under(&["path"]))
}

/// The way from a folder to what lies in it.
fn below<'a>(key: &'a str, folder: &str) -> Option<&'a str> {
    key.strip_prefix(folder)
        .filter(|rest| rest.starts_with('/'))
}

fn describe(link: &SharedLink, entry: &Entry, reader: &View) -> Value {
    let owned = link.view.account.id == reader.account.id;
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put(
        ".tag",
        json!(if entry.is_folder() { "folder" } else { "file" }),
    );
    put("url", json!(link.url));
    put("id", json!(entry.id));
    put("name", json!(entry.name));
    if let Some((lower, _)) = reader
        .shown(&entry.path_lower, &entry.path_display)
        .filter(|_| owned)
    {
        put("path_lower", json!(lower));
    }
    if let Some(end) = link.settings.end() {
        put("expires", end);
    }
    let rich = link.view.account.is_team();
    put("link_permissions", link.settings.permissions(owned, rich));
    if let Some(state) = &entry.file {
        let when = timestamp(modified(entry));
        put("client_modified", json!(when));
        put("server_modified", json!(when));
        put("rev", json!(state.rev));
        put("size", json!(state.fingerprint.size));
    }
    Value::Object(fields)
}

fn links(call: &Call) -> std::sync::MutexGuard<'_, Vec<SharedLink>> {
    call.simulation
        .shared_links
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}
