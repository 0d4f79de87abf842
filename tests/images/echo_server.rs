//! A small HTTP server to run in containers: the stand-in for `timboring/echo-server`, with faults on demand.
//!
//! `GET /health` answers 200, `GET /healthfail` 500, `POST /` its own body, `GET /env` the environment, one per line, and
//! `GET /client` who the client is.
//! No crates: `rustc -O -C target-feature=+crt-static` makes one static file of it (`scripts/images.sh`).
//!
//! | variable | what it does |
//! |---|---|
//! | `ECHO_PORT` | the port it listens on; 7777 |
//! | `ECHO_LISTEN_AFTER_MS` | it starts listening only then |
//! | `ECHO_HEALTH_FAIL_AFTER_MS` | from then on `GET /health` answers 500 |
//! | `ECHO_EXIT_AFTER_MS` | it ends then |
//! | `ECHO_EXIT_CODE` | what it ends with, then and on SIGTERM or SIGINT; 0 |
//! | `ECHO_UDP` | with any value: it also answers each datagram to its port, with its host name before what was said |
//! | `ECHO_PROXY_PROTOCOL` | with any value: each connection has to begin with a header of the PROXY protocol, version 2 |
//! | `ECHO_IGNORE_TERM` | with any value: only SIGKILL ends it |
//! | `ECHO_MEMORY_MB` | so much memory it touches before it listens |

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const MAX_BODY: usize = 16 << 20;
const MAX_LINE: u64 = 8 << 10;
const MAX_HEADERS: usize = 100;
const IDLE: Duration = Duration::from_secs(60);

static STARTED: OnceLock<Instant> = OnceLock::new();
static EXIT_CODE: AtomicI32 = AtomicI32::new(0);

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

unsafe extern "C" {
    fn signal(signal: i32, handler: usize) -> usize;
    fn _exit(code: i32) -> !;
}

/// Process 1 of a container has no default action for signals: without this, SIGTERM would do nothing.
extern "C" fn end(_signal: i32) {
    // SAFETY: `_exit` may be called from a signal handler.
    unsafe { _exit(EXIT_CODE.load(Ordering::Relaxed)) }
}

fn main() -> io::Result<()> {
    let started = *STARTED.get_or_init(Instant::now);
    EXIT_CODE.store(number("ECHO_EXIT_CODE").map_or(0, |code| code as i32), Ordering::Relaxed);
    if std::env::var_os("ECHO_IGNORE_TERM").is_none() {
        // SAFETY: `end` does nothing but what a signal handler may do.
        unsafe {
            signal(SIGTERM, end as extern "C" fn(i32) as usize);
            signal(SIGINT, end as extern "C" fn(i32) as usize);
        }
    }
    if let Some(after) = number("ECHO_EXIT_AFTER_MS") {
        thread::spawn(move || {
            sleep_until(started + Duration::from_millis(after));
            std::process::exit(EXIT_CODE.load(Ordering::Relaxed));
        });
    }
    let hog = vec![1_u8; number("ECHO_MEMORY_MB").unwrap_or(0) as usize * (1 << 20)];
    std::hint::black_box(&hog);
    sleep_until(started + Duration::from_millis(number("ECHO_LISTEN_AFTER_MS").unwrap_or(0)));

    let port = number("ECHO_PORT").map_or(7777, |port| port as u16);
    let listener = TcpListener::bind(("0.0.0.0", port))?;
    if std::env::var_os("ECHO_UDP").is_some() {
        let socket = UdpSocket::bind(("0.0.0.0", port))?;
        thread::spawn(move || answer_datagrams(&socket));
    }
    eprintln!("echo server listening on port {port}");
    for stream in listener.incoming().flatten() {
        thread::spawn(move || serve(stream));
    }
    Ok(())
}

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| {
        eprintln!("{name}={value} is not a whole number");
        std::process::exit(2)
    }))
}

fn sleep_until(then: Instant) {
    thread::sleep(then.saturating_duration_since(Instant::now()));
}

fn answer_datagrams(socket: &UdpSocket) {
    let name = std::env::var("HOSTNAME").unwrap_or_default();
    let mut said = [0; 1024];
    loop {
        // What cannot be received or answered is lost, as datagrams are.
        if let Ok((length, from)) = socket.recv_from(&mut said) {
            let _ = socket.send_to(&[name.as_bytes(), b" ", &said[..length]].concat(), from);
        }
    }
}

/// Answers one connection's requests until it closes; an error of the connection ends it silently.
fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_nodelay(true)?;
    let mut client = stream.peer_addr()?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    if std::env::var_os("ECHO_PROXY_PROTOCOL").is_some() {
        client = proxied(&mut reader)?;
    }
    while let Some(head) = Head::read(&mut reader)? {
        let refusal = head.refusal();
        if refusal.is_none() && head.expects_continue {
            writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let mut body = vec![0; if refusal.is_none() { head.length } else { 0 }];
        reader.read_exact(&mut body)?;
        let (status, answer) = refusal.unwrap_or_else(|| respond(&head, body, client));
        // After a refusal the unread body is in the way of the next request.
        let close = head.close || status.starts_with('4');
        let connection = if close { "close" } else { "keep-alive" };
        let mut bytes = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n",
            answer.len()
        )
        .into_bytes();
        bytes.extend_from_slice(&answer);
        writer.write_all(&bytes)?;
        if close {
            break;
        }
    }
    Ok(())
}

fn respond(head: &Head, body: Vec<u8>, client: SocketAddr) -> (&'static str, Vec<u8>) {
    match (head.method.as_str(), head.path.as_str()) {
        ("GET", "/health") if is_healthy() => ("200 OK", b"ok\n".to_vec()),
        ("GET", "/health" | "/healthfail") => ("500 Internal Server Error", b"not healthy\n".to_vec()),
        ("GET", "/env") => ("200 OK", environment().into_bytes()),
        ("GET", "/client") => ("200 OK", format!("{client}\n").into_bytes()),
        ("POST", "/") => ("200 OK", body),
        _ => ("404 Not Found", b"GET /health, /healthfail, /env, /client, or POST /\n".to_vec()),
    }
}

/// For whom a proxy speaks, over IPv4 and TCP: the header with which the connection begins.
fn proxied(reader: &mut impl Read) -> io::Result<SocketAddr> {
    let mut head = [0; 16];
    reader.read_exact(&mut head)?;
    let mut rest = vec![0; u16::from_be_bytes([head[14], head[15]]).into()];
    reader.read_exact(&mut rest)?;
    match (head.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n"), rest.as_slice()) {
        (Some([0x21, 0x11, ..]), [a, b, c, d, _, _, _, _, high, low, ..]) => {
            Ok(SocketAddr::from(([*a, *b, *c, *d], u16::from_be_bytes([*high, *low]))))
        }
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn is_healthy() -> bool {
    let age = STARTED.get_or_init(Instant::now).elapsed();
    number("ECHO_HEALTH_FAIL_AFTER_MS").is_none_or(|after| age < Duration::from_millis(after))
}

fn environment() -> String {
    let mut lines: Vec<String> = std::env::vars().map(|(name, value)| format!("{name}={value}\n")).collect();
    lines.sort();
    lines.concat()
}

/// What the server needs to know of a request's head.
struct Head {
    method: String,
    path: String,
    length: usize,
    chunked: bool,
    expects_continue: bool,
    close: bool,
}

impl Head {
    /// The next request's head, or `None` where the client closed between two requests.
    fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(request) = line(reader)? else { return Ok(None) };
        let mut words = request.split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (method, path, version) = (word(), word(), word());
        let close = version != "HTTP/1.1";
        let mut head = Self { method, path, length: 0, chunked: false, expects_continue: false, close };
        for _ in 0..MAX_HEADERS {
            let header = line(reader)?.ok_or(io::ErrorKind::UnexpectedEof)?.to_ascii_lowercase();
            if header.is_empty() {
                return Ok(Some(head));
            }
            match header.split_once(':').map(|(name, value)| (name, value.trim())) {
                Some(("content-length", value)) => {
                    head.length = value.parse().map_err(|_| io::ErrorKind::InvalidData)?;
                }
                Some(("transfer-encoding", _)) => head.chunked = true,
                Some(("expect", "100-continue")) => head.expects_continue = true,
                Some(("connection", "close")) => head.close = true,
                Some(("connection", "keep-alive")) => head.close = false,
                _ => {}
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }

    fn refusal(&self) -> Option<(&'static str, Vec<u8>)> {
        if self.chunked {
            return Some(("411 Length Required", b"send Content-Length\n".to_vec()));
        }
        (self.length > MAX_BODY).then(|| ("413 Content Too Large", b"16 MiB at most\n".to_vec()))
    }
}

/// One line without its end, or `None` at the end of the stream.
fn line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    let read = reader.take(MAX_LINE).read_line(&mut line)?;
    Ok((read > 0).then(|| line.trim_end().to_owned()))
}
