//! Secrets go in, do their work, and are seen nowhere: not in a log at its most talkative, not
//! in what a program prints, not in a refusal.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use longshore::access::{MasterKey, sign_policy};
use reqwest::Method;
use serde_json::json;

use crate::eavesdropper::Eavesdropper;
use crate::postgres;
use crate::processes::{APP_SECRET, Application, Dropbox, Person, Service, eventually, http};
use crate::redis::RedisServer;
use crate::subscriber::{Answer, Subscriber};

const LONGSHORE: &str = env!("CARGO_BIN_EXE_longshore");
const DATABASE_PASSWORD: &str = "databasepassword4711";
const REDIS_PASSWORD: &str = "redispassword4711";
const S3_SECRET: &str = "s3secretkey4711";
const OWN_APP_SECRET: &str = "defaultdropboxsecret4711";
const ACCOUNT_PASSWORD: &str = "accountpassword4711 long";
const HOOK_SECRET: &str = "hookquerysecret4711";

/// Everything that was told to anybody but its owner.
#[derive(Default)]
struct Told(Vec<(String, String)>);

impl Told {
    fn add(&mut self, by: &str, text: impl Into<String>) {
        self.0.push((by.to_owned(), text.into()));
    }

    /// No secret is in any of it, plain or in base64.
    fn holds_none_of(&self, secrets: &[(&str, String)]) {
        for (name, secret) in secrets {
            assert!(secret.len() >= 12, "{name} {secret:?} is no secret");
            let encoded = STANDARD.encode(secret);
            for (by, text) in &self.0 {
                for form in [secret, encoded.trim_end_matches('=')] {
                    let lines = text.lines().filter(|line| line.contains(form));
                    let lines: Vec<_> = lines.take(3).collect();
                    assert!(lines.is_empty(), "{by} tells the {name}: {lines:#?}");
                }
            }
        }
    }
}

/// Asks and keeps what a refusal says.
async fn refused(told: &mut Told, ask: reqwest::RequestBuilder) {
    let answer = ask.send().await.unwrap();
    let (status, url) = (answer.status(), answer.url().path().to_owned());
    let headers = format!("{:?}", answer.headers());
    assert!(status.as_u16() >= 400, "{url}: {status}");
    told.add(
        &format!("a refusal of {url:.60}"),
        headers + &answer.text().await.unwrap(),
    );
}

/// Every way in which a policy comes, once to be obeyed and once to be refused.
async fn policies(
    told: &mut Told,
    application: &Application,
    person: &Person,
    handle: &str,
) -> Vec<String> {
    let url = &application.url;
    let mut used = Vec::new();
    for (members, fine) in [
        (
            json!({ "expiry": 99_999_999_999_i64, "call": ["pick", "read", "stat"] }),
            true,
        ),
        (json!({ "expiry": 1, "call": ["read"] }), false),
        (
            json!({ "expiry": 99_999_999_999_i64, "call": ["convert"], "x": "?>?>~~~>>>" }),
            false,
        ),
    ] {
        let policy = STANDARD.encode(members.to_string());
        let signature = sign_policy(&policy, &application.secret);
        for link in [
            format!("{url}/{handle}?policy={policy}&signature={signature}"),
            format!("{url}/api/file/{handle}/metadata?policy={policy}&signature={signature}"),
            format!("{url}/security=policy:{policy},signature:{signature}/{handle}"),
            format!(
                "{url}/{}/security=s:{signature},p:{policy}/{handle}",
                application.apikey
            ),
            format!("{url}/security%3Dpolicy:{policy},signature:{signature}%2F{handle}"),
        ] {
            if fine {
                person.read(&link).await;
            } else {
                refused(told, http().get(link)).await;
            }
        }
        // Where it does not belong, it is no less secret.
        for link in [
            format!("{url}/securty=policy:{policy},signature:{signature}/{handle}"),
            format!("{url}/resize=width:1/security=policy:{policy},signature:{signature}/{handle}"),
        ] {
            refused(told, http().get(link)).await;
        }
        let body = json!({
            "clouds": { "dropbox": { "path": "/" } }, "policy": policy, "signature": signature,
        });
        let (status, answer) = person.call("/folder/list", body).await;
        assert_eq!(status == 200, fine, "{answer}");
        if !fine {
            told.add("a refusal of /folder/list", answer.to_string());
        }
        used.extend([policy, signature]);
    }
    used
}

async fn basic(told: &mut Told, application: &Application, handle: &str) {
    let file = format!("{}/api/file/{handle}", application.url);
    let ask = |method: Method, path: &str, secret: &str| {
        let request = http().request(method, format!("{file}{path}"));
        request.basic_auth("app", Some(secret))
    };
    let good = ask(Method::GET, "", &application.secret)
        .send()
        .await
        .unwrap();
    assert_eq!(good.status(), 200);
    // One letter beside the secret tells nearly all of it.
    let near = format!("{}x", application.secret);
    refused(told, ask(Method::GET, "", &near)).await;
    refused(told, ask(Method::DELETE, "", &near)).await;
    refused(told, ask(Method::PATCH, "", &application.secret)).await;
    let bearer = http().get(&file).bearer_auth(&application.secret);
    assert_eq!(bearer.send().await.unwrap().status(), 200);
}

/// Secrets in the wrong members of a request.
async fn misplaced(told: &mut Told, person: &Person, secrets: &[String]) {
    let url = &person.application.url;
    for secret in secrets {
        for body in [
            json!({ "apikey": secret }),
            json!({ "apikey": person.application.apikey, "token": [secret] }),
            json!({ "apikey": person.application.apikey, "policy": secret, "signature": secret,
                "clouds": { "dropbox": { "path": "/a.txt" } } }),
        ] {
            for route in ["/folder/list", "/store/", "/auth/logout"] {
                let answer = http()
                    .post(format!("{url}{route}"))
                    .json(&body)
                    .send()
                    .await
                    .unwrap();
                if answer.status().as_u16() >= 400 {
                    told.add(
                        "a refusal of a misplaced secret",
                        answer.text().await.unwrap(),
                    );
                }
            }
        }
    }
}

/// What Dropbox can do to a connection, so that every complaint about it is heard.
async fn trouble(told: &mut Told, dropbox: &Dropbox, person: &Person) {
    let fault = async |route: &str, code: u16, body: &str| {
        let rule =
            json!({ "route": route, "times": 2, "kind": "status", "code": code, "body": body });
        dropbox.fault(rule).await;
    };
    let expire = format!("{}/_sandbox/expire_tokens", dropbox.url);
    http().post(&expire).send().await.unwrap();
    fault("oauth2/token", 500, "no").await;
    told.add(
        "a listing",
        person
            .call("/folder/list", json!({ "clouds": { "dropbox": {} } }))
            .await
            .1["dropbox"]
            .to_string(),
    );
    fault("files/download", 500, "no").await;
    let (_, picked) = person.pick("/a.txt").await;
    assert!(picked["dropbox"]["handle"].is_string(), "{picked}");
    fault("files/list_folder", 418, "{\"error_summary\":\"strange/\"}").await;
    told.add(
        "a listing",
        person
            .call("/folder/list", json!({ "clouds": { "dropbox": {} } }))
            .await
            .1["dropbox"]
            .to_string(),
    );
    dropbox.clear_faults().await;
    // A callback that nobody awaits, and one whose code Dropbox does not know.
    let mut stranger = person.application.stranger();
    stranger.token = None;
    let listed = stranger.list("/", None).await;
    let away = listed["dropbox"]["auth"]["redirect_url"].as_str().unwrap();
    let back = stranger.consent(away, "allow").await;
    let wrong = back.replace("code=", "code=wrong");
    refused(told, http().get(wrong)).await;
    refused(told, http().get(back)).await;
    // A grant that dies is noticed at the next refresh.
    http().post(&expire).send().await.unwrap();
    dropbox
        .fault(json!({
            "route": "oauth2/token", "times": 1, "kind": "status", "code": 400,
            "body": "{\"error\":\"invalid_grant\",\"error_description\":\"refresh token is invalid\"}",
        }))
        .await;
    let (_, dead) = person
        .call("/folder/list", json!({ "clouds": { "dropbox": {} } }))
        .await;
    told.add("a listing", dead["dropbox"]["error"].to_string());
}

fn printed(service: &Service, arguments: &[&str], changed: &[(&str, String)]) -> String {
    let output = Command::new(LONGSHORE)
        .args(arguments)
        .envs(&service.environment)
        .envs(changed.iter().map(|(name, value)| (name, value)))
        .output()
        .unwrap();
    assert!(!output.status.success(), "{arguments:?} {changed:?}");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    out + &String::from_utf8_lossy(&output.stderr)
}

/// Programs that cannot start complain, and name settings and not their values.
fn complaints(told: &mut Told, service: &Service, database: &str) {
    let database = |from: &str, to: &str| database.replace(from, to);
    for (name, value) in [
        (
            "LONGSHORE_DATABASE_URL",
            database("host=", "host=%2Fnowhere"),
        ),
        (
            "LONGSHORE_DATABASE_URL",
            database("postgres://", "postgrex://"),
        ),
        (
            "LONGSHORE_DATABASE_URL",
            database("@localhost/", "@local host:x/"),
        ),
        (
            "LONGSHORE_REDIS_URL",
            format!("redis://:{REDIS_PASSWORD}@127.0.0.1:x/"),
        ),
        (
            "LONGSHORE_REDIS_URL",
            format!("rediz://:{REDIS_PASSWORD}@127.0.0.1/"),
        ),
        (
            "LONGSHORE_MASTER_KEY",
            format!("{S3_SECRET}{REDIS_PASSWORD}"),
        ),
        (
            "LONGSHORE_DROPBOX_API_URL",
            format!("ftp://x:{S3_SECRET}@127.0.0.1/"),
        ),
        (
            "LONGSHORE_STORAGE_URL",
            format!("s4://x:{S3_SECRET}@bucket"),
        ),
        ("LONGSHORE_DROPBOX_PAGE_LIMIT", "many".to_owned()),
    ] {
        let text = printed(service, &["serve"], &[(name, value)]);
        told.add(&format!("serve with a wrong {name}"), text);
    }
}

fn account(service: &Service) -> String {
    let mut child = Command::new(LONGSHORE)
        .args(["account", "create", "--email", "ann@shop.test"])
        .envs(&service.environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(ACCOUNT_PASSWORD.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{out}");
    out + &String::from_utf8_lossy(&output.stderr)
}

/// An endpoint whose deliveries fail, and one whose deliveries arrive.
async fn webhooks(service: &Service, application: &Application) -> (Subscriber, Vec<String>) {
    let subscriber = Subscriber::start().await;
    let path = format!("/bad?key={HOOK_SECRET}");
    subscriber.answer(&path, Answer::Status(500));
    let mut secrets = Vec::new();
    for path in [path.as_str(), "/good"] {
        let url = subscriber.url(path);
        let words = ["endpoint", "add", "--apikey", &application.apikey, "--json"];
        let made = service.run(&[&words[..], &["--event", "all", "--url", &url]].concat());
        let made = made.as_array().unwrap().iter();
        secrets.extend(made.map(|one| one["secret"].as_str().unwrap().to_owned()));
    }
    (subscriber, secrets)
}

/// A service that talks as much as it can, with a password on everything.
struct Keeper {
    service: Service,
    dropbox: Dropbox,
    wire: Eavesdropper,
    redis: RedisServer,
    database: String,
    master_key: String,
    _dir: tempfile::TempDir,
}

impl Keeper {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let dropbox = Dropbox::start(dir.path());
        dropbox.add("a.txt", b"abc");
        let wire = Eavesdropper::before(&dropbox.url).await;
        let redis = RedisServer::start();
        redis.command(&["CONFIG", "SET", "requirepass", REDIS_PASSWORD]);
        let database = postgres::database();
        let database = database.replace("postgres@", &format!("postgres:{DATABASE_PASSWORD}@"));
        let with_password = format!("redis://:{REDIS_PASSWORD}@");
        let queue = redis.url().replace("redis://", &with_password);
        let master_key = MasterKey::generate();
        let service = Service::start(
            dir.path(),
            &dropbox.url,
            &[
                ("RUST_LOG", "trace"),
                ("LONGSHORE_DATABASE_URL", &database),
                ("LONGSHORE_REDIS_URL", &queue),
                ("LONGSHORE_MASTER_KEY", &master_key),
                ("LONGSHORE_DROPBOX_API_URL", &wire.url),
                ("LONGSHORE_DROPBOX_CONTENT_URL", &wire.url),
                ("LONGSHORE_DROPBOX_APP_KEY", "own-app"),
                ("LONGSHORE_DROPBOX_APP_SECRET", OWN_APP_SECRET),
                // A folder; the keys beside it are there to be kept.
                ("LONGSHORE_STORAGE_URL", ""),
                ("LONGSHORE_STORAGE_S3_ACCESS_KEY", "s3-key"),
                ("LONGSHORE_STORAGE_S3_SECRET_KEY", S3_SECRET),
                ("LONGSHORE_WEBHOOK_RETRY_OFFSETS", "200ms"),
            ],
        );
        Self {
            service,
            dropbox,
            wire,
            redis,
            database,
            master_key,
            _dir: dir,
        }
    }

    /// What the operator and Dropbox entrusted it with.
    fn secrets(&self) -> Vec<(&'static str, String)> {
        let mut secrets = vec![
            ("Dropbox app's secret", APP_SECRET.to_owned()),
            ("configured Dropbox app's secret", OWN_APP_SECRET.to_owned()),
            ("S3 secret", S3_SECRET.to_owned()),
            ("database's password", DATABASE_PASSWORD.to_owned()),
            ("password of Redis", REDIS_PASSWORD.to_owned()),
            ("account's password", ACCOUNT_PASSWORD.to_owned()),
            ("secret in an endpoint's address", HOOK_SECRET.to_owned()),
            ("master key", self.master_key.clone()),
        ];
        for name in ["access_token", "refresh_token", "code", "code_verifier"] {
            let mut heard = self.wire.values(name);
            heard.retain(|value| value.len() >= 12);
            assert!(!heard.is_empty(), "no {name} passed to Dropbox");
            secrets.extend(heard.into_iter().map(|value| (name, value)));
        }
        secrets
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_a_log_or_a_refusal() {
    let mut keeper = Keeper::start().await;
    let service = &keeper.service;
    let mut told = Told::default();
    told.add("serve, when it starts,", service.running.said.clone());
    let application = service.application();
    let (subscriber, endpoint_secrets) = webhooks(service, &application).await;
    let token = service.run(&["token", "create", "--json"]);
    let token = token["token"].as_str().unwrap().to_owned();
    told.add("account create", account(service));

    let person = application.person().await;
    let (status, picked) = person.pick("/a.txt").await;
    assert_eq!(status, 200, "{picked}");
    let handle = picked["dropbox"]["handle"].as_str().unwrap();
    let used = policies(&mut told, &application, &person, handle).await;
    basic(&mut told, &application, handle).await;
    let management = http().get(format!("{}/api/v1/applications", service.url));
    let management = management.bearer_auth(&token).send().await.unwrap();
    assert_eq!(management.status(), 200);
    let near = http().get(format!("{}/api/v1/applications", service.url));
    refused(&mut told, near.bearer_auth(format!("{token}x"))).await;
    let patience = Duration::from_secs(20);
    eventually("both endpoints were asked", patience, async || {
        let bad = subscriber.received(&format!("/bad?key={HOOK_SECRET}"));
        bad.len() >= 2 && !subscriber.received("/good").is_empty()
    })
    .await;
    trouble(&mut told, &keeper.dropbox, &person).await;
    let session = person.token.clone().unwrap();
    let strays = [application.secret.clone(), session.clone(), token.clone()];
    misplaced(&mut told, &person, &strays).await;
    keeper.redis.kill();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let ready = http().get(format!("{}/readyz", service.url));
    told.add("readyz", ready.send().await.unwrap().text().await.unwrap());
    assert_eq!(person.call("/auth/logout", json!({})).await.0, 200);
    complaints(&mut told, service, &keeper.database);

    let log = service.running.read_log();
    assert!(log.contains(" TRACE "), "the log says too little");
    told.add("the log", log);
    let mut secrets = keeper.secrets();
    secrets.extend([
        ("application's secret", application.secret.clone()),
        ("Basic credentials", format!("app:{}", application.secret)),
        ("management token", token),
        ("session token", session),
    ]);
    let used = used.into_iter().map(|text| ("policy or signature", text));
    let endpoints = endpoint_secrets.into_iter();
    secrets.extend(used.chain(endpoints.map(|text| ("endpoint's secret", text))));
    told.holds_none_of(&secrets);
}
