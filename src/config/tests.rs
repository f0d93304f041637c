//! What the settings promise.

use super::{DEFAULTS, Settings, layers::variable};
use std::io::Write as _;

fn load(file: &str, environment: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let mut toml = tempfile::NamedTempFile::new().unwrap();
    toml.write_all(file.as_bytes()).unwrap();
    let environment = environment
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Settings::load(Some(toml.path()), environment)
        .map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

#[test]
fn the_defaults_are_settings_without_fault() {
    assert_eq!(
        Settings::defaults().unwrap().http.listen.to_string(),
        "127.0.0.1:8080"
    );
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let settings = load(
        "[http]\nlisten = \"127.0.0.1:1\"\nmax_body = \"2MiB\"",
        &[
            ("LONGSHORE_LISTEN", "127.0.0.1:2"),
            ("LONGSHORE_DATABASE_MAX_CONNECTIONS", "7"),
        ],
    )
    .unwrap();
    assert_eq!(settings.http.listen.port(), 2);
    assert_eq!(settings.http.max_body.as_u64(), 2 * 1024 * 1024);
    assert_eq!(settings.database.max_connections, 7);
}

#[test]
fn every_fault_is_named_at_once() {
    let faults = load(
        "[http]\nlisten = \"here\"\nlissten = 1\n[nonsense]\na = 1",
        &[("LONGSHORE_WORKERS", "many"), ("LONGSHORE_INVENTED", "1")],
    )
    .unwrap_err()
    .join("\n");
    for key in [
        "http.listen ",
        "http.lissten",
        "nonsense.a",
        "http.workers",
        "LONGSHORE_INVENTED",
    ] {
        assert!(faults.contains(key), "{key} is missing in:\n{faults}");
    }
}

#[test]
fn a_fault_does_not_quote_a_secret() {
    let faults = load("[dropbox]\napi_url = \"ftp://user:hunter2@host\"", &[]).unwrap_err();
    assert!(!faults.join("\n").contains("hunter2"), "{faults:?}");
    let faults = load("[server]\nmaster_key = \"hunter2", &[]).unwrap_err();
    assert!(!faults.join("\n").contains("hunter2"), "{faults:?}");
    let others = [("LONGSHORE_OTHER_MASTER_KEYS", "hunter2,hunter3")];
    let faults = load("", &others).unwrap_err().join("\n");
    assert!(faults.contains("other_master_keys"), "{faults}");
    assert!(!faults.contains("hunter"), "{faults}");
}

#[test]
fn debugging_output_shows_no_secret() {
    let settings = load(
        "",
        &[
            (
                "LONGSHORE_MASTER_KEY",
                "aHVudGVyMi1odW50ZXIyLWh1bnRlcjItaHVudGVyMi0=",
            ),
            (
                "LONGSHORE_OTHER_MASTER_KEYS",
                "aHVudGVyMi1odW50ZXIyLWh1bnRlcjItaHVudGVyMi0=",
            ),
            (
                "LONGSHORE_DATABASE_URL",
                "postgres://u:hunter2-database@h/d",
            ),
            ("LONGSHORE_REDIS_URL", "redis://:hunter2-redis@h"),
            ("LONGSHORE_REDIS_SENTINEL_PASSWORD", "hunter2-sentinel"),
            ("LONGSHORE_DROPBOX_APP_KEY", "key"),
            ("LONGSHORE_DROPBOX_APP_SECRET", "hunter2-app"),
            ("LONGSHORE_STORAGE_S3_SECRET_KEY", "hunter2-s3"),
        ],
    )
    .unwrap();
    let shown = format!("{settings:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVy"));
}

#[test]
fn a_removal_is_leased_for_a_second_at_least() {
    let lease = |text| load("", &[("LONGSHORE_FILES_REMOVAL_LEASE", text)]);
    let faults = lease("999ms").unwrap_err();
    assert!(faults[0].starts_with("files.removal_lease "), "{faults:?}");
    assert_eq!(lease("1s").unwrap().files.removal_lease.as_secs(), 1);
}

#[test]
fn parts_of_uploads_have_room_for_the_largest_file_at_least() {
    let load = |most| {
        let settings = [
            ("LONGSHORE_FILES_MAX_FILE_SIZE", "1000B"),
            ("LONGSHORE_UPLOADING_MAX_STAGED_BYTES", most),
        ];
        load("", &settings)
    };
    let faults = load("999B").unwrap_err();
    let key = "uploading.max_staged_bytes ";
    assert!(faults[0].starts_with(key), "{faults:?}");
    let most = |text| load(text).unwrap().uploading.max_staged_bytes.as_u64();
    assert_eq!((most("1000B"), most("0B")), (1000, 0));
}

#[test]
fn postgresql_needs_a_master_key_of_its_own() {
    let faults = load("", &[("LONGSHORE_DATABASE_URL", "postgres://h/d")]).unwrap_err();
    assert!(faults.join("\n").contains("server.master_key"));
}

#[test]
fn every_setting_says_its_variable_in_the_reference() {
    let table: toml::Table = DEFAULTS.parse().unwrap();
    for (section, keys) in &table {
        for key in keys.as_table().unwrap().keys() {
            let name = variable(section, key);
            let short = name.rsplit('_').take(2).collect::<Vec<_>>();
            let suffix = format!("…_{}_{}", short[1], short[0]);
            assert!(
                DEFAULTS.contains(&name) || DEFAULTS.contains(&suffix),
                "{name}"
            );
        }
    }
}

#[test]
fn what_no_part_could_start_with_is_named_before_any_starts() {
    for (variable, value) in [
        ("LONGSHORE_STORAGE_URL", "ftp://host/folder"),
        ("LONGSHORE_STORAGE_URL", "s3://"),
        ("LONGSHORE_STORAGE_URL", "s3://key:secret@bucket"),
        ("LONGSHORE_STORAGE_PART_SIZE_MIB", "5"),
        ("LONGSHORE_DATABASE_URL", "mysql://host/name"),
        ("LONGSHORE_REDIS_URL", "http://host"),
        ("LONGSHORE_REDIS_URL", "redis+sentinel://:secret@host"),
        ("LONGSHORE_MASTER_KEY", "short"),
    ] {
        let faults = load("", &[(variable, value)]).unwrap_err();
        assert_eq!(faults.len(), 1, "{variable}={value}: {faults:?}");
        assert!(!faults[0].contains("secret"), "{faults:?}");
    }
    let redis = [
        ("LONGSHORE_REDIS_URL", "rediss://host"),
        ("LONGSHORE_REDIS_CA_FILE", "/nowhere/ca.pem"),
    ];
    let faults = load("", &redis).unwrap_err().join("\n");
    assert!(faults.contains("redis.ca_file"), "{faults}");
    for fine in ["sqlite:/tmp/x.db", "postgres://host/name", ""] {
        let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
        let settings = [
            ("LONGSHORE_DATABASE_URL", fine),
            ("LONGSHORE_MASTER_KEY", key),
        ];
        assert!(load("", &settings).is_ok(), "{fine}");
    }
}

#[test]
fn what_cannot_be_nothing_is_not_set_to_nothing() {
    for (variable, value) in [
        ("LONGSHORE_PICKING_LEASE", "0s"),
        ("LONGSHORE_PICKING_MAX_COPIES", "0"),
        ("LONGSHORE_DATABASE_MAX_CONNECTIONS", "0"),
        ("LONGSHORE_MAX_BODY", "0B"),
        ("LONGSHORE_WEBHOOK_TIMEOUT", "0ms"),
    ] {
        let faults = load("", &[(variable, value)]).unwrap_err();
        assert!(faults[0].ends_with("must be more than zero"), "{faults:?}");
    }
    for (variable, value) in [
        ("LONGSHORE_WORKERS", "0"),
        ("LONGSHORE_SHUTDOWN_DELAY", "0s"),
        ("LONGSHORE_STORAGE_CHECK_INTERVAL", "0s"),
        ("LONGSHORE_BROWSING_THUMBNAIL_CACHE", "0B"),
        ("LONGSHORE_DROPBOX_APP_SECRET", "0"),
    ] {
        let pair = [(variable, value), ("LONGSHORE_DROPBOX_APP_KEY", "0")];
        let given = &pair[..1 + usize::from(variable.contains("APP_SECRET"))];
        assert!(load("", given).is_ok(), "{variable}={value}");
    }
}
