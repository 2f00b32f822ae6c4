//! Answers that no receiver of OTLP should give, byte by byte.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use radiosonde_otlp::{Destination, Protocol, Proxies, Signal, State, probe};

use crate::common::*;

/// What becomes of ten records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// Nothing is sent again, and so many are refused.
    Settled { rejected: u64, unreadable: u64 },
    /// They are sent again.
    Again,
    /// They are held.
    Held,
}

const TAKEN: Expected = Expected::Settled { rejected: 0, unreadable: 0 };
const UNREADABLE: Expected = Expected::Settled { rejected: 0, unreadable: 1 };
const TWO_REFUSED: Expected = Expected::Settled { rejected: 2, unreadable: 0 };
/// A partial success that refuses two.
const PARTIAL: &[u8] = b"\x0a\x02\x08\x02";

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    [format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n").as_bytes(), body].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn cases() -> Vec<(&'static str, Vec<u8>, Expected)> {
    let large = vec![0; 1024 * 1024];
    let endless = format!("X-Large: {}\r\n", "x".repeat(1024 * 1024));
    vec![
        ("no content", b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(), TAKEN),
        ("accepted", answer("202 Accepted", b""), TAKEN),
        ("partial", answer("200 OK", PARTIAL), TWO_REFUSED),
        ("text", answer("200 OK\r\ncontent-type: text/plain", b"Accepted"), UNREADABLE),
        ("gzip", answer("200 OK\r\ncontent-encoding: gzip", &gzip(PARTIAL)), TWO_REFUSED),
        ("no gzip", answer("200 OK\r\ncontent-encoding: gzip", PARTIAL), UNREADABLE),
        ("a bomb", answer("200 OK\r\ncontent-encoding: gzip", &gzip(&large)), UNREADABLE),
        ("unasked", answer("200 OK\r\ncontent-encoding: br", PARTIAL), UNREADABLE),
        ("large", answer("200 OK", &large), UNREADABLE),
        ("cut", b"HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\nabc".to_vec(), UNREADABLE),
        (
            "json",
            answer(
                "200 OK\r\ncontent-type: application/json",
                br#"{"partialSuccess":{"rejectedLogRecords":"2"}}"#,
            ),
            TWO_REFUSED,
        ),
        (
            "early hints",
            [b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec(), answer("200 OK", PARTIAL)].concat(),
            TWO_REFUSED,
        ),
        (
            "more than there is",
            answer("200 OK", b"\x0a\x02\x08\x7f"),
            Expected::Settled { rejected: 10, unreadable: 0 },
        ),
        ("page", answer("200 OK\r\ncontent-type: text/html", b"Sign in"), Expected::Held),
        ("found", answer("302 Found\r\nlocation: /login", b""), Expected::Held),
        ("switching", b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec(), Expected::Held),
        ("no HTTP", b"SSH-2.0-OpenSSH_9\r\n\r\n".to_vec(), Expected::Again),
        ("nothing", Vec::new(), Expected::Again),
        ("half a head", b"HTTP/1.1 200 OK\r\ncontent-".to_vec(), Expected::Again),
        ("an endless head", answer(&format!("200 OK\r\n{endless}a: b"), b""), Expected::Again),
    ]
}

#[test]
fn whatever_is_answered_nothing_is_lost_or_sent_for_ever() {
    for (name, bytes, expected) in cases() {
        if expected == UNREADABLE {
            becomes(&format!("{name}, of a stranger"), serve(0, bytes.clone()), Expected::Held);
            becomes(name, serve(1, bytes), expected);
        } else {
            becomes(name, serve(0, bytes), expected);
        }
    }
}

fn becomes(name: &str, (address, at): (SocketAddr, u64), expected: Expected) {
    let mut bed = Bed::new();
    bed.append(10);
    let mut destination = Destination::new(format!("http://{address}/v1/logs"), Protocol::Http);
    destination.timeout_ms = 5_000;
    let sender = bed.send(&destination);
    for _ in 0..at {
        assert!(sender.flush(LONG), "{name}: {:?}", sender.status());
        bed.append(10);
    }
    if expected == Expected::Held {
        let found = status(&sender, |status| status.state == State::Held);
        assert_eq!(bed.books(), (0, 0, 10), "{name}: {found:?}");
        return;
    }
    assert!(sender.flush(LONG), "{name}: {:?}", sender.status());
    let found = status(&sender, |status| status.pending == 0);
    let (rejected, unreadable, failures) = match expected {
        Expected::Settled { rejected, unreadable } => (rejected, unreadable, 0),
        _ => (0, 0, 1),
    };
    assert_eq!(bed.books(), (10 + 10 * at - rejected, rejected, 0), "{name}: {found:?}");
    let error = found.last_error.clone().unwrap_or_default();
    let is_foreign = error.contains("OTEL_EXPORTER_OTLP_PROTOCOL");
    assert_eq!(is_foreign, name == "no HTTP", "{name}: {error}");
    assert_eq!((found.unreadable, found.failures), (unreadable, failures), "{name}: {found:?}");
}

#[test]
fn a_server_of_another_protocol_is_told_as_one() {
    // SETTINGS, and GOAWAY with PROTOCOL_ERROR.
    let http2 = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01";
    for (answer, protocol) in
        [(&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], Protocol::Grpc), (http2, Protocol::Http)]
    {
        let (address, _) = serve(0, answer.to_vec());
        let destination = Destination::new(format!("http://{address}"), protocol);
        let text = probe(&destination, Signal::Logs, Proxies::default()).text;
        assert!(text.contains("check OTEL_EXPORTER_OTLP_PROTOCOL"), "{protocol:?}: {text}");
    }
}

#[test]
fn a_request_without_a_body_says_that_it_has_none() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/v1/logs", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let head: Vec<String> =
            lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        head
    });
    let destination = Destination::new(endpoint, Protocol::Http);
    assert!(probe(&destination, Signal::Logs, Proxies::default()).is_taken);
    let head = server.join().unwrap();
    let lengths = head.iter().filter(|line| line.eq_ignore_ascii_case("content-length: 0"));
    assert_eq!(lengths.count(), 1, "{head:?}");
}

/// Answers the request of this number with these bytes and closes, and all others as they should be.
fn serve(number: u64, bytes: Vec<u8>) -> (SocketAddr, u64) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let well = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        for (stream, count) in listener.incoming().flatten().zip(0..) {
            let _ = converse(stream, if count == number { &bytes } else { well });
        }
    });
    (address, number)
}

fn converse(mut stream: TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    reader.read_exact(&mut vec![0; length])?;
    stream.write_all(bytes)
}
