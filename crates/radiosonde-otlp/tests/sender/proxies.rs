//! Through a proxy: tunnels, whole requests, passwords, and what goes past it.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use radiosonde_otlp::{Destination, Protocol, Proxies, SenderOptions, State};
use radiosonde_testkit::{Receiver, TestCa};

use crate::common::*;

/// Base64 of `user:hunter2`.
const BASIC: &str = "Basic dXNlcjpodW50ZXIy";

/// A proxy that wants a password and knows one host, whatever it is called.
struct Proxy {
    address: SocketAddr,
    /// First lines of the requests.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || serve(stream, to, &seen));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn options(&self, variable: &str, password: &str, no: &str) -> SenderOptions {
        let url = format!("http://{password}{}", self.address);
        let mut options = options_of_sender();
        options.proxies = Proxies::from(&|name| match name {
            "NO_PROXY" => Some(no.to_owned()),
            _ => (name == variable).then(|| url.clone()),
        });
        options
    }
}

/// One connection: a tunnel, or a request at a time.
fn serve(client: TcpStream, to: SocketAddr, seen: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut writer = client;
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let first = head.lines().next()?.to_owned();
    seen.lock().unwrap().push(first.clone());
    if !head
        .to_ascii_lowercase()
        .contains(&format!("proxy-authorization: {}", BASIC.to_lowercase()))
    {
        let answer = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
        return writer.write_all(answer.as_bytes()).ok();
    }
    let mut server = TcpStream::connect(to).ok()?;
    if first.starts_with("CONNECT ") {
        writer.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    } else {
        // As a proxy has to: the path alone, and without what is meant for itself.
        let (method, rest) = first.split_once(" http://")?;
        let path = rest.split_once('/')?.1;
        let lines = head.lines().skip(1);
        let lines = lines.filter(|line| !line.to_ascii_lowercase().starts_with("proxy-"));
        let rest: Vec<&str> = lines.collect();
        write!(server, "{method} /{path}\r\n{}\r\n", rest.join("\r\n")).ok()?;
    }
    let mut back = server.try_clone().ok()?;
    let copy = std::thread::spawn(move || std::io::copy(&mut back, &mut writer));
    let _ = std::io::copy(&mut reader as &mut dyn Read, &mut server);
    let _ = server.shutdown(std::net::Shutdown::Write);
    let _ = copy.join();
    Some(())
}

/// The destination under a name that only the proxy knows.
fn elsewhere(receiver: &Receiver, protocol: Protocol) -> (Destination, SocketAddr) {
    let mut destination = to(receiver, protocol);
    let authority = destination.endpoint.split("//").nth(1).unwrap().split('/').next().unwrap();
    let address = authority.parse().unwrap();
    destination.endpoint = destination.endpoint.replace("127.0.0.1", "localhost.test");
    (destination, address)
}

#[test]
fn requests_go_through_the_proxy_that_is_set() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start().unwrap();
        let (destination, address) = elsewhere(&receiver, protocol);
        let proxy = Proxy::start(address);
        let mut bed = Bed::new();
        bed.append(50);
        let options = proxy.options("HTTP_PROXY", "user:hunter2@", "");
        let sender = bed.send_with(&destination, options, false);
        assert!(sender.flush(LONG), "{:?}", sender.status());
        assert_eq!(receiver.counts().unique, 50, "{protocol:?}");
        let expected = match protocol {
            // HTTP/2 without TLS cannot be handed over.
            Protocol::Grpc => format!("CONNECT localhost.test:{} HTTP/1.1", address.port()),
            _ => format!("POST http://localhost.test:{}/v1/logs HTTP/1.1", address.port()),
        };
        assert_eq!(proxy.asked(), [expected]);
        let request = &receiver.requests()[0];
        assert_eq!(request.header("proxy-authorization"), None);
    }
}

#[test]
fn tls_goes_through_a_tunnel() {
    for protocol in PROTOCOLS {
        let ca = TestCa::new().unwrap();
        let receiver = Receiver::builder().tls(ca.server().unwrap()).start().unwrap();
        let mut destination = to(&receiver, protocol);
        let authority = destination.endpoint.split('/').nth(2).unwrap();
        let port: u16 = authority.split_once(':').unwrap().1.parse().unwrap();
        // The name in the certificate, spelt so that it is not taken for this machine.
        destination.endpoint = destination.endpoint.replace("localhost", "localhost.");
        let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], port)));
        let mut bed = Bed::new();
        std::fs::write(bed.path("ca.pem"), ca.pem()).unwrap();
        destination.certificate = Some(bed.path("ca.pem"));
        bed.append(50);
        let options = proxy.options("HTTPS_PROXY", "user:hunter2@", "");
        let sender = bed.send_with(&destination, options, false);
        assert!(sender.flush(LONG), "{:?}", sender.status());
        assert_eq!(receiver.counts().unique, 50, "{protocol:?}");
        assert_eq!(proxy.asked(), [format!("CONNECT localhost.:{port} HTTP/1.1")]);
    }
}

#[test]
fn a_proxy_that_wants_a_password_is_told_of() {
    for (protocol, said) in [(Protocol::Http, "407"), (Protocol::Grpc, "proxy authorization")] {
        let receiver = Receiver::start().unwrap();
        let (destination, address) = elsewhere(&receiver, protocol);
        let proxy = Proxy::start(address);
        let mut bed = Bed::new();
        bed.append(50);
        let options = proxy.options("ALL_PROXY", "user:wrong-password@", "");
        let sender = bed.send_with(&destination, options, false);
        let found = status(&sender, |status| status.last_error.is_some());
        assert!(found.last_error.as_deref().is_some_and(|text| text.contains(said)), "{found:?}");
        assert!(!format!("{found:?} {sender:?}").contains("wrong-password"));
        assert_eq!(bed.books(), (0, 0, 50));
    }
}

#[test]
fn a_proxy_of_a_kind_that_is_not_spoken_is_told_of_and_not_gone_past() {
    for kind in ["https", "socks5", "socks5h", "nonsense"] {
        for protocol in PROTOCOLS {
            let receiver = Receiver::start().unwrap();
            let (mut destination, _) = elsewhere(&receiver, protocol);
            // An address that is no name of this machine, and that nobody has.
            destination.endpoint = destination.endpoint.replace("localhost.test", "192.0.2.1");
            let mut bed = Bed::new();
            bed.append(50);
            let url = format!("{kind}://user:hunter2@127.0.0.1:1");
            let mut options = options_of_sender();
            options.proxies = Proxies::from(&|name| (name == "ALL_PROXY").then(|| url.clone()));
            let sender = bed.send_with(&destination, options, false);
            let found = status(&sender, |status| status.state == State::Held);
            let text = found.last_error.unwrap_or_default();
            assert!(text.contains("use http://host:port"), "{kind} {protocol:?}: {text}");
            assert!(!text.contains("hunter2"), "{text}");
            assert_eq!((bed.books(), receiver.request_count()), ((0, 0, 50), 0));
        }
    }
}

#[test]
fn what_needs_no_proxy_goes_past_it() {
    let receiver = Receiver::start().unwrap();
    let proxy = Proxy::start("127.0.0.1:1".parse().unwrap());
    let mut bed = Bed::new();
    bed.append(50);
    // The machine itself.
    let destination = to(&receiver, Protocol::Http);
    let options = proxy.options("ALL_PROXY", "", "");
    let sender = bed.send_with(&destination, options, false);
    assert!(sender.flush(LONG), "{:?}", sender.status());
    // And what is named: it is resolved here then, which cannot be done.
    let mut bed = Bed::new();
    bed.append(50);
    let (destination, _) = elsewhere(&receiver, Protocol::Http);
    let options = proxy.options("ALL_PROXY", "", "localhost.test");
    let sender = bed.send_with(&destination, options, false);
    status(&sender, |status| status.failures > 0);
    assert_eq!(proxy.asked(), Vec::<String>::new());
}
