//! Names and bodies of files of every bad kind: in Dropbox, and in what overwrites a file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::hostile::Victim;
use crate::processes::outgrown;
use crate::wire;

#[tokio::test]
async fn a_file_may_be_called_anything_in_dropbox() {
    let victim = Victim::start(&[]).await;
    // The S3 server of the tests names a file by the base64 of a key, which must fit its disk.
    let letters = if outgrown() { 40 } else { 120 };
    let long = format!("{}.txt", "é".repeat(letters));
    let names = [
        "..x",
        "...",
        " blank ",
        "\u{202e}gpj.exe",
        "\u{200f}\u{2066}x\u{2069}",
        "e\u{301}.txt",
        "\u{1f600}.png",
        "semi;colon\".txt",
        "per%2e%2e%2fcent%00.txt",
        "<script>alert(1).html",
        "a'b`c$(d).sh",
        "-rf",
        "CON.txt",
        "line\nFORGED.txt",
        "return\r\nX-Forged: yes.txt",
        "tab\t.txt",
        &long,
    ];
    for name in names {
        victim.dropbox.add(&format!("sub/{name}"), b"abc");
    }
    let listed = victim.person.list("/sub/", None).await;
    let contents = listed["dropbox"]["contents"].as_array().unwrap();
    // Dropbox itself keeps no names with line breaks; the rest must be there.
    assert!(contents.len() > names.len() - 4, "{listed}");
    for item in contents {
        let (status, picked) = victim.person.pick(item["path"].as_str().unwrap()).await;
        assert_eq!(status, 200, "{item}: {picked}");
        let url = picked["dropbox"]["url"].as_str().unwrap();
        for query in ["", "?dl=true"] {
            let answer = victim.person.http.get(format!("{url}{query}"));
            let answer = answer.send().await.unwrap();
            assert_eq!(answer.status(), 200, "{item}");
            assert!(answer.headers().get("x-forged").is_none());
            let named = &answer.headers()["content-disposition"];
            let named = named.to_str().unwrap();
            assert!(!named.contains(['/', '\\']), "{named}");
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        }
    }
    for name in names {
        std::fs::remove_file(victim.dropbox.folder.join("sub").join(name)).unwrap();
    }
    victim.is_unharmed().await;
}

/// A form with one part, whose head is `head`.
fn form(head: &str) -> Vec<u8> {
    format!("--b\r\n{head}\r\n\r\nabc\r\n--b--\r\n").into_bytes()
}

/// Bodies that begin as forms and are none, or whose parts have strange heads.
fn forms() -> Vec<Vec<u8>> {
    let upload = "Content-Disposition: form-data; name=\"fileUpload\"";
    let mut forms: Vec<Vec<u8>> = [
        &b""[..],
        b"--",
        b"--b",
        b"--b--",
        b"--b\r\n\r\n",
        b"--b\r\nContent-Disposition: form-data; name=\"fileUpload\"; filename=\"x\"\r\n\r\ncut",
        b"--b\r\n\xff\xfe: \0\r\n\r\nabc\r\n--b--",
        b"--other\r\n\r\nabc\r\n--other--",
    ]
    .map(<[u8]>::to_vec)
    .into();
    for head in [
        "Content-Disposition: form-data",
        "Content-Disposition: attachment",
        "Content-Disposition: form-data; name=\"url\"",
        "Content-Disposition: form-data; name=\"",
        "X: y",
        upload,
    ] {
        forms.push(form(head));
    }
    for name in [
        "../../x",
        "..",
        "",
        "a\0b",
        "\u{202e}gpj.exe",
        "%00",
        "a\\b",
        ".uploads/x",
    ] {
        forms.push(form(&format!("{upload}; filename=\"{name}\"")));
        forms.push(form(&format!("{upload}; filename*=UTF-8''{name}")));
    }
    forms.push(form(&format!(
        "{upload}; filename=\"{}\"",
        "x".repeat(4_000)
    )));
    forms.push(form(&format!(
        "{upload}; filename=\"x\"\r\nContent-Type: a/b/c\0"
    )));
    forms.push(form(&"X: y\r\n".repeat(500)));
    forms
}

#[tokio::test]
async fn an_overwrite_may_bring_anything() {
    let victim = Victim::start(&[]).await;
    let handle = victim.picked().await;
    let url = &victim.service.url;
    let basic = STANDARD.encode(format!("app:{}", victim.application.secret));
    let secret = format!("Authorization: Basic {basic}");
    let path = format!("/api/file/{handle}");
    for body in forms() {
        let lines = [
            secret.as_str(),
            "Content-Type: multipart/form-data; boundary=b",
        ];
        let reply = wire::ask(url, "POST", &path, &lines, &body).await;
        reply.is_fit(&String::from_utf8_lossy(&body));
    }
    let long = "x".repeat(4_000);
    for value in [
        "..%2F..%2Fx",
        "%00",
        "%E2%80%AE",
        "%0d%0aX-Forged:%20y",
        "a%2Fb%2Fc",
        "%ff",
        &long,
    ] {
        for query in [format!("filename={value}"), format!("mimetype={value}")] {
            let reply = wire::ask(url, "PUT", &format!("{path}?{query}"), &[&secret], b"abc").await;
            reply.is_fit(&query);
            let read = wire::ask(url, "GET", &path, &[], b"").await;
            assert_eq!(read.status, 200, "{query}: {}", read.text());
            assert!(read.header("x-forged").is_none(), "{query}");
        }
    }
    // A body that ends too soon leaves the file as it was.
    let whole = wire::ask(url, "PUT", &path, &[&secret], b"whole").await;
    assert_eq!(whole.status, 200, "{}", whole.text());
    let head = format!("PUT {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{secret}\r\n");
    for rest in [
        "Content-Length: 18446744073709551616\r\n\r\nabc",
        "Content-Length: 9223372036854775807\r\n\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n-1\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
    ] {
        let reply = wire::send(url, format!("{head}{rest}").as_bytes()).await;
        assert!(
            reply.status == 0 || (400..500).contains(&reply.status),
            "{rest}: {reply:?}"
        );
    }
    assert_eq!(victim.person.read(&format!("{url}{path}")).await, b"whole");
    victim.is_unharmed().await;
}

#[tokio::test]
async fn a_link_to_a_file_may_go_anywhere_in_dropbox_and_nowhere_else() {
    let victim = Victim::start(&[]).await;
    for path in [
        "/../../etc/passwd",
        "/sub/../../x",
        "//etc/passwd",
        "/./a.txt",
        "a.txt",
        "\\a.txt",
        "/a.txt/",
        "/sub",
        "/",
        "/a.txt\0.png",
        "id:AAAAAAAAAAAAAAAAAAAAAA",
        "rev:0123456789abcdef",
        "ns:1/a.txt",
        "http://127.0.0.1/",
    ] {
        for route in ["/store/", "/link/"] {
            let body = json!({ "clouds": { "dropbox": { "path": path } } });
            let (status, answer) = victim.person.call(route, body).await;
            let granted = status == 200;
            assert!(
                granted || (400..500).contains(&status),
                "{route} {path:?}: {answer}"
            );
            let file = &answer["dropbox"];
            assert!(
                !granted || file["filename"] == "a.txt",
                "{route} {path:?}: {answer}"
            );
        }
    }
    victim.is_unharmed().await;
}
