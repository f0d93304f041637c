//! The master key is changed beside a running service, and nobody notices.

use hmac::{Hmac, KeyInit as _, Mac as _};
use longshore::access::MasterKey;
use serde_json::json;
use sha2::Sha256;

use crate::processes::{Application, Dropbox, Person, Service, http};
use crate::subscriber::Subscriber;

const KEY: &str = "LONGSHORE_MASTER_KEY";
const OTHERS: &str = "LONGSHORE_OTHER_MASTER_KEYS";

/// Everything that needs a sealed secret or a code made of the key.
struct World {
    service: Service,
    subscriber: Subscriber,
    endpoint_secret: String,
    application: Application,
    person: Person,
    thumbnail: String,
    picks: usize,
    dropbox: Dropbox,
    _dir: tempfile::TempDir,
}

impl World {
    async fn start(key: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let dropbox = Dropbox::start(dir.path());
        dropbox.add("photo.png", include_bytes!("../../docs/images/picker.png"));
        let service = Service::start(dir.path(), &dropbox.url, &[(KEY, key)]);
        let application = service.application();
        let subscriber = Subscriber::start().await;
        let made = service.run(&[
            "endpoint",
            "add",
            "--json",
            "--apikey",
            &application.apikey,
            "--url",
            &subscriber.url("/hook"),
            "--event",
            "fp.upload",
        ]);
        let person = application.person().await;
        let listed = person.list("/", None).await;
        let thumbnail = listed["dropbox"]["contents"][0]["thumbnail"]
            .as_str()
            .unwrap();
        Self {
            endpoint_secret: made[0]["secret"].as_str().unwrap().to_owned(),
            thumbnail: thumbnail.to_owned(),
            service,
            subscriber,
            application,
            person,
            picks: 0,
            dropbox,
            _dir: dir,
        }
    }

    /// Starts the service again with these keys.
    fn now_with(&mut self, key: &str, others: &str) {
        self.service.running.terminate();
        for (name, value) in [(KEY, key), (OTHERS, others)] {
            self.service
                .environment
                .insert(name.to_owned(), value.to_owned());
        }
        self.service.restart();
        // Connections that were kept alive have ended with the process.
        self.person.http = http();
    }

    /// A person who connected before picks, sees their thumbnails, and it is told.
    async fn all_works(&mut self) {
        self.picks += 1;
        let name = format!("{}.txt", self.picks);
        self.dropbox.add(&name, b"abc");
        let (status, picked) = self.person.pick(&format!("/{name}")).await;
        assert_eq!(status, 200, "{picked}");
        let picture = self.person.http.get(&self.thumbnail).send().await.unwrap();
        assert_eq!(picture.headers()["content-type"], "image/jpeg");
        let told = self.subscriber.wait_for("/hook", self.picks).await;
        let told = told.last().unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(self.endpoint_secret.as_bytes()).unwrap();
        mac.update(format!("{}.", told.header("fs-timestamp").unwrap()).as_bytes());
        mac.update(&told.body);
        let expected = hex::encode(mac.finalize().into_bytes());
        assert_eq!(told.header("fs-signature"), Some(expected.as_str()));
    }
}

#[tokio::test]
async fn a_master_key_is_changed_without_anybody_noticing() {
    let (old, new) = (MasterKey::generate(), MasterKey::generate());
    let mut world = World::start(&old).await;
    world.all_works().await;
    // First every node learns the new key, so that it can open what others seal with it.
    world.now_with(&old, &new);
    world.all_works().await;
    let away = {
        let stranger = world.application.stranger();
        let clouds = json!({ "clouds": { "dropbox": { "path": "/" } } });
        let (_, listed) = stranger.call("/folder/list", clouds).await;
        let link = listed["dropbox"]["auth"]["redirect_url"].as_str().unwrap();
        link.to_owned()
    };
    world.now_with(&new, &old);
    world.all_works().await;
    // Whoever was on the way to Dropbox meanwhile arrives.
    let back = world.person.consent(&away, "allow").await;
    let page = world.person.http.get(back).send().await.unwrap();
    assert_eq!(page.status(), 200);

    let sealed_anew = world.service.try_run(&["reseal"]);
    let said = String::from_utf8_lossy(&sealed_anew.stderr).into_owned();
    assert!(
        sealed_anew.status.success() && said.contains("can be taken away"),
        "{said}"
    );
    let again = world.service.try_run(&["reseal"]);
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("0 secrets were sealed anew"), "{said}");

    world.now_with(&new, "");
    // Codes of the old key are good no more: sessions and links of the picker begin anew.
    let clouds = json!({ "clouds": { "dropbox": { "path": "/" } } });
    let (_, listed) = world.person.call("/folder/list", clouds).await;
    assert!(listed["dropbox"]["auth"].is_object(), "{listed}");
    world.person = world.application.person().await;
    let listed = world.person.list("/", None).await;
    let photo = listed["dropbox"]["contents"].as_array().unwrap().iter();
    let mut photo = photo.filter_map(|entry| entry["thumbnail"].as_str());
    world.thumbnail = photo
        .find(|link| link.contains("/thumbnail/"))
        .unwrap()
        .to_owned();
    world.all_works().await;
}

#[tokio::test]
async fn a_key_that_is_missing_is_named_before_it_is_too_late() {
    let (old, new) = (MasterKey::generate(), MasterKey::generate());
    let mut world = World::start(&old).await;
    world.now_with(&new, "");
    let refused = world.service.try_run(&["reseal"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("cannot be opened"),
        "{said}"
    );
    // Nothing was spoiled.
    world.now_with(&old, "");
    world.all_works().await;
}
