//! The person behind an account, and the two routes that only say that they were reached.

use serde_json::{Value, json};

use super::{
    accounts::Account,
    call::{Answer, Call},
    errors::Refusal,
    paths::View,
};

/// `users/get_current_account`
pub fn get_current_account(call: &Call) -> Answer {
    let account = &call.view()?.account;
    let mut value = basic(account);
    value["country"] = json!("US");
    value["locale"] = json!("en");
    value["referral_link"] = json!(format!("{}/referrals/{}", call.simulation.url, account.uid));
    value["is_paired"] = json!(false);
    value["account_type"] = json!({ ".tag": if account.is_team() { "business" } else { "basic" } });
    value["root_info"] = root_info(account);
    if account.is_team() {
        value["team"] = json!({
            "id": "dbtid:AAFdgehTzw7WlXhZJsbGCLePe8RvQGYDr-I",
            "name": "Sandbox Team",
            "sharing_policies": {
                "shared_folder_member_policy": { ".tag": "anyone" },
                "shared_folder_join_policy": { ".tag": "from_anyone" },
                "shared_link_create_policy": { ".tag": "default_public" },
                "group_creation_policy": { ".tag": "admins_and_members" },
                "shared_folder_link_restriction_policy": { ".tag": "anyone" },
            },
            "office_addin_policy": { ".tag": "disabled" },
            "top_level_content_policy": { ".tag": "everyone" },
        });
        value["team_member_id"] = json!(format!("dbmid:AA{}", account.uid));
    }
    Ok(value)
}

/// `users/get_account`
pub fn get_account(call: &Call) -> Answer {
    let wanted = call.text("account_id")?;
    let account = call
        .simulation
        .accounts
        .iter()
        .find(|account| account.id == wanted);
    let account = account.ok_or_else(|| Refusal::tags(&["no_account"]))?;
    Ok(seen_by(account, call.view()?))
}

/// `users/get_account_batch`
pub fn get_account_batch(call: &Call) -> Answer {
    let mut found = Vec::new();
    for wanted in call.list("account_ids")? {
        let accounts = &call.simulation.accounts;
        let account = accounts
            .iter()
            .find(|account| *wanted == account.id.as_str());
        let account = account
            .ok_or_else(|| Refusal::Route(json!({ ".tag": "no_account", "no_account": wanted })))?;
        found.push(seen_by(account, call.view()?));
    }
    Ok(Value::Array(found))
}

fn seen_by(account: &Account, reader: &View) -> Value {
    let mut value = basic(account);
    let own = account.id == reader.account.id;
    // There is one team, and all its members are in it.
    value["is_teammate"] = json!(own || account.is_team() && reader.account.is_team());
    value
}

/// `users/get_space_usage`
pub fn get_space_usage(call: &Call) -> Answer {
    let account = &call.view()?.account;
    let tree = account.tree();
    let sizes = tree
        .entries()
        .filter_map(|entry| Some(entry.file.as_ref()?.fingerprint.size));
    let used: u64 = sizes.sum();
    let allocation = match account.is_team() {
        true => json!({
            ".tag": "team",
            "used": used,
            "allocated": 2_u64 << 40,
            "user_within_team_space_allocated": 0,
            "user_within_team_space_limit_type": { ".tag": "off" },
            "user_within_team_space_used_cached": 0,
        }),
        false => json!({ ".tag": "individual", "allocated": 2_u64 << 40 }),
    };
    Ok(json!({ "used": used, "allocation": allocation }))
}

/// `check/user` and `check/app`
pub fn check(call: &Call) -> Answer {
    Ok(json!({ "result": call.optional_text("query")?.unwrap_or_default() }))
}

/// `auth/token/revoke`
pub fn revoke(call: &Call) -> Answer {
    call.simulation.grants.revoke(&call.caller()?.access_token);
    Ok(Value::Null)
}

/// Which namespaces the account has.
pub fn root_info(account: &Account) -> Value {
    match account.is_team() {
        true => json!({
            ".tag": "team",
            "root_namespace_id": account.root_namespace,
            "home_namespace_id": account.home_namespace,
            "home_path": account.home_display,
        }),
        false => json!({
            ".tag": "user",
            "root_namespace_id": account.root_namespace,
            "home_namespace_id": account.home_namespace,
        }),
    }
}

fn basic(account: &Account) -> Value {
    let mut words = account.name.splitn(2, ' ');
    let given = words.next().unwrap_or_default();
    let surname = words.next().unwrap_or_default();
    let initial = |word: &str| word.chars().next().map(String::from).unwrap_or_default();
    json!({
        "account_id": account.id,
        "name": {
            "given_name": given,
            "surname": surname,
            "familiar_name": given,
            "display_name": account.name,
            "abbreviated_name": format!("{}{}", initial(given), initial(surname)),
        },
        "email": account.email,
        "email_verified": true,
        "disabled": false,
    })
}
