//! The stores under test, each fresh and gone when the test ends.

use longshore::storage::{Settings, Storage};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

use crate::{azure_server, gcs_server};

pub use crate::s3_server::{ACCESS_KEY, SECRET_KEY, Server};

/// A store and what has to live as long as it does.
pub struct Place {
    pub storage: Storage,
    pub settings: Settings,
    /// Where its bytes lie, for those that have a disk.
    pub disk: Option<PathBuf>,
    pub server: Option<Server>,
    pub google: Option<gcs_server::Server>,
    folder: TempDir,
}

impl Place {
    /// Every file on the disk, but for what the S3 server writes about a file.
    pub fn files_on_disk(&self) -> Vec<PathBuf> {
        let Some(disk) = &self.disk else {
            return Vec::new();
        };
        let mut files = files_below(disk);
        files.retain(|file| !is_note_of_the_server(file));
        files
    }

    /// A second handle on the same bytes, as another process would open it.
    pub async fn open_again(&self, settings: &Settings) -> Storage {
        Storage::open(settings, self.folder.path()).await.unwrap()
    }
}

fn is_note_of_the_server(file: &Path) -> bool {
    let name = file.file_name().unwrap().to_string_lossy();
    name.starts_with(".bucket-") && name.ends_with(".json")
}

pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

pub async fn folder() -> Place {
    let folder = TempDir::new().unwrap();
    let settings = Settings::default();
    let storage = Storage::open(&settings, folder.path()).await.unwrap();
    let disk = Some(folder.path().join("files"));
    Place {
        storage,
        settings,
        disk,
        server: None,
        google: None,
        folder,
    }
}

pub async fn memory() -> Place {
    let folder = TempDir::new().unwrap();
    let settings = Settings {
        url: "memory:".into(),
        ..Settings::default()
    };
    let storage = Storage::open(&settings, folder.path()).await.unwrap();
    Place {
        storage,
        settings,
        disk: None,
        server: None,
        google: None,
        folder,
    }
}

pub async fn s3() -> Place {
    // The process chooses its TLS library once; the first test to come does it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("bucket")).unwrap();
    let server = Server::start(folder.path());
    let settings = Settings {
        url: "s3://bucket/some/prefix".into(),
        s3_endpoint: server.url.clone(),
        s3_access_key: ACCESS_KEY.into(),
        s3_secret_key: SECRET_KEY.into(),
        ..Settings::default()
    };
    let storage = Storage::open(&settings, folder.path()).await.unwrap();
    let disk = Some(folder.path().to_owned());
    Place {
        storage,
        settings,
        disk,
        server: Some(server),
        google: None,
        folder,
    }
}

pub async fn gcs() -> Place {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = TempDir::new().unwrap();
    let server = gcs_server::Server::start();
    let settings = Settings {
        url: format!("gs://{}/some/prefix", gcs_server::BUCKET),
        gcs_endpoint: server.url.clone(),
        gcs_service_account_key: gcs_server::Server::service_account_key(),
        ..Settings::default()
    };
    let storage = Storage::open(&settings, folder.path()).await.unwrap();
    Place {
        storage,
        settings,
        disk: None,
        server: None,
        google: Some(server),
        folder,
    }
}

pub async fn azure() -> Place {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = TempDir::new().unwrap();
    let server = azure_server::Server::get();
    let settings = Settings {
        url: format!("az://{}/some/prefix", server.new_container().await),
        azure_endpoint: server.endpoint.clone(),
        azure_account: azure_server::ACCOUNT.into(),
        azure_access_key: server.access_key.clone(),
        ..Settings::default()
    };
    let storage = Storage::open(&settings, folder.path()).await.unwrap();
    Place {
        storage,
        settings,
        disk: None,
        server: None,
        google: None,
        folder,
    }
}
