//! The subscriber: this program once more, as a process of its own, which answers cheaply and
//! writes down what came when.
//!
//! Paths: `/ok/…` is answered at once and noted, `/hang` never, `/trickle` a byte at a time
//! without end; `/count` and `/arrivals` tell what was noted.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The argument that makes this program a subscriber.
pub const WORD: &str = "subscriber";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Microseconds on the clock that this process and the subscriber share.
pub fn now_us() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "finer than the service's clock, which tells milliseconds"
    )]
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(0))
}

/// A running subscriber, as the measuring process sees it.
pub struct Subscriber {
    child: Child,
    /// When this closes the subscriber ends, whatever becomes of us.
    _lifeline: ChildStdin,
    address: String,
    http: reqwest::Client,
}

impl Subscriber {
    pub fn start() -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(WORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let lifeline = child.stdin.take().context("no pipe")?;
        let mut address = String::new();
        let out = child.stdout.take().context("no pipe")?;
        BufReader::new(out).read_line(&mut address)?;
        Ok(Self {
            child,
            _lifeline: lifeline,
            address: address.trim().to_owned(),
            http: reqwest::Client::new(),
        })
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How many deliveries were noted.
    pub async fn count(&self) -> anyhow::Result<u64> {
        Ok(self.ask("/count").await?.trim().parse()?)
    }

    /// What was noted: event and time, in the order of arrival.
    pub async fn arrivals(&self) -> anyhow::Result<Vec<(i64, i64)>> {
        let text = self.ask("/arrivals").await?;
        let lines = text.lines().map(|line| {
            let (event, at) = line.split_once(' ').context("not a line")?;
            Ok((event.parse()?, at.parse()?))
        });
        lines.collect()
    }

    async fn ask(&self, path: &str) -> anyhow::Result<String> {
        Ok(self.http.get(self.url(path)).send().await?.text().await?)
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

type Noted = Rc<RefCell<Vec<(i64, i64)>>>;

/// Is the subscriber, until standard input closes.
pub fn run() -> anyhow::Result<()> {
    std::thread::spawn(|| {
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        let noted = Noted::default();
        loop {
            let (stream, _) = listener.accept().await?;
            drop(stream.set_nodelay(true));
            let noted = noted.clone();
            tokio::task::spawn_local(async move { drop(serve(stream, &noted).await) });
        }
    })
}

async fn serve(mut stream: TcpStream, noted: &Noted) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let arrived = loop {
            if let Some(length) = request_length(&buffer) {
                break length;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let at = now_us();
        let head = String::from_utf8_lossy(&buffer[..arrived]).into_owned();
        buffer.drain(..arrived);
        let path = head.split(' ').nth(1).unwrap_or("/");
        match path {
            "/hang" => std::future::pending().await,
            "/trickle" => trickle(&mut stream).await?,
            "/count" => {
                let count = noted.borrow().len();
                tell(&mut stream, &count.to_string()).await?;
            }
            "/arrivals" => {
                let mut text = String::new();
                for (event, at) in noted.borrow().iter() {
                    let _ = writeln!(text, "{event} {at}");
                }
                tell(&mut stream, &text).await?;
            }
            _ => {
                let event = header(&head, "webhook-id").and_then(|id| id.strip_prefix("evt_"));
                let event = event.and_then(|id| id.parse().ok()).unwrap_or(0);
                noted.borrow_mut().push((event, at));
                stream.write_all(OK).await?;
            }
        }
    }
}

/// How long the first request in the buffer is, once all of it is there.
fn request_length(buffer: &[u8]) -> Option<usize> {
    let end = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&buffer[..end]);
    let body = header(&head, "content-length").and_then(|length| length.parse().ok());
    let whole = end + body.unwrap_or(0);
    (buffer.len() >= whole).then_some(whole)
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

async fn tell(stream: &mut TcpStream, text: &str) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(text.as_bytes()).await
}

async fn trickle(stream: &mut TcpStream) -> std::io::Result<()> {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
    stream.write_all(head).await?;
    loop {
        stream.write_all(b"x").await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
