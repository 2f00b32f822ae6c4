//! What the sender of OTLP reads: answers of collectors, manifests of spools, variables, entries.

use radiosonde_otlp::fuzzing::{self, Said};
use radiosonde_otlp::{Packer, Stream};

use super::dice::{Dice, utf8};
use super::seeds::counted;

/// Headers that are looked at, and one that is not.
const NAMES: [&str; 10] = [
    "content-type",
    "content-encoding",
    "retry-after",
    "location",
    "grpc-status",
    "grpc-message",
    "grpc-status-details-bin",
    "grpc-encoding",
    "content-length",
    "x-other",
];

/// Values that lead further than any bytes do.
const VALUES: [&str; 12] = [
    "application/x-protobuf",
    "application/json; charset=utf-8",
    "application/grpc+proto",
    "text/html",
    "text/plain",
    "gzip",
    "0",
    "3",
    "8",
    "14",
    "120",
    "Thu, 01 Jan 1970 00:00:30 GMT",
];

/// A status, headers, trailers, and the rest is the body.
fn said<'a>(dice: &mut Dice<'a>) -> Said<'a> {
    let mut said = Said::default();
    said.status = 100 + dice.u16() % 500;
    said.headers = headers(dice);
    said.trailers = headers(dice);
    said.body = dice.0;
    said
}

fn headers<'a>(dice: &mut Dice<'a>) -> Vec<(&'a str, &'a [u8])> {
    let header = |dice: &mut Dice<'a>| {
        let name = NAMES[usize::from(dice.u8()) % NAMES.len()];
        let value = match usize::from(dice.u8()) {
            0 => dice.counted(),
            known => VALUES[known % VALUES.len()].as_bytes(),
        };
        (name, value)
    };
    (0..dice.u8() % 8).map(|_| header(dice)).collect()
}

/// An answer over HTTP.
pub fn http_answer(data: &[u8]) {
    let _ = fuzzing::http_answer(&said(&mut Dice(data)));
}

/// An answer over gRPC, with the content type of one or without.
pub fn grpc_answer(data: &[u8]) {
    let mut said = said(&mut Dice(data));
    if !data.len().is_multiple_of(8) {
        said.status = 200;
        said.headers.insert(0, ("content-type", b"application/grpc"));
    }
    let _ = fuzzing::grpc_answer(&said);
}

/// A manifest as it stands.
pub fn manifest(data: &[u8]) {
    let _ = fuzzing::manifest(data);
}

/// What is set, without the front that all have.
const VARIABLES: [&str; 12] = [
    "ENDPOINT",
    "PROTOCOL",
    "HEADERS",
    "TIMEOUT",
    "COMPRESSION",
    "CERTIFICATE",
    "CLIENT_CERTIFICATE",
    "CLIENT_KEY",
    "INSECURE",
    "STRICT",
    "EXPORTER",
    "PROXY",
];

/// Variables, each with its number, whose it is, and a text.
pub fn settings(data: &[u8]) {
    let mut dice = Dice(data);
    let mut set = Vec::new();
    while !dice.is_empty() && set.len() < 24 {
        let variable = VARIABLES[usize::from(dice.u8()) % VARIABLES.len()];
        let signal = ["", "LOGS", "METRICS", "TRACES"][usize::from(dice.u8()) % 4];
        let name = match (variable, signal) {
            ("STRICT", _) => "RADIOSONDE_STRICT_OTLP".to_owned(),
            ("EXPORTER", signal) => format!("OTEL_{signal}_EXPORTER"),
            ("PROXY", _) => "http_proxy".to_owned(),
            (variable, "") => format!("OTEL_EXPORTER_OTLP_{variable}"),
            (variable, signal) => format!("OTEL_EXPORTER_OTLP_{signal}_{variable}"),
        };
        set.push((name, dice.text()));
    }
    let _ = fuzzing::settings(&|wanted| {
        let found = set.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| (*value).to_owned())
    });
}

/// Payloads of frames, whose entries a collector takes or refuses.
pub fn payloads(data: &[u8]) {
    let mut dice = Dice(data);
    let records = u64::from(dice.u32());
    let choices = dice.counted();
    let payloads: Vec<&[u8]> = (0..dice.u8() % 8).map(|_| dice.counted()).collect();
    let mut choices = Dice(choices);
    let _ = fuzzing::payloads(&payloads, records, || choices.u8());
}

fn headers_seed(headers: &[(u8, &str)]) -> Vec<u8> {
    let header = |(name, value): &(u8, &str)| {
        let known = VALUES.iter().position(|known| known == value).filter(|at| *at > 0);
        match known {
            Some(at) => vec![*name, at as u8],
            None => [&[*name, 0][..], &counted(value.as_bytes())].concat(),
        }
    };
    let headers: Vec<Vec<u8>> = headers.iter().map(header).collect();
    [&[headers.len() as u8][..], &headers.concat()].concat()
}

fn answer_seed(
    status: u16,
    headers: &[(u8, &str)],
    trailers: &[(u8, &str)],
    body: &[u8],
) -> Vec<u8> {
    let status = (status - 100).to_le_bytes();
    [&status[..], &headers_seed(headers), &headers_seed(trailers), body].concat()
}

/// A partial success: three records, and why.
const PARTIAL: &[u8] = b"\x0a\x08\x08\x03\x12\x04full";

/// Answers of each kind.
pub fn http_answer_seeds() -> Vec<Vec<u8>> {
    let json = br#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"no"}}"#;
    // Of an empty message.
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0";
    vec![
        answer_seed(200, &[(0, VALUES[0])], &[], PARTIAL),
        answer_seed(200, &[(0, VALUES[1])], &[], json),
        answer_seed(200, &[(1, "gzip")], &[], gzip),
        answer_seed(200, &[(0, "text/html")], &[], b"<!DOCTYPE html><p>Sign in"),
        answer_seed(503, &[(2, "120")], &[], b"busy"),
        answer_seed(429, &[(2, VALUES[11])], &[], b""),
        answer_seed(400, &[(0, VALUES[0])], &[], b"\x08\x03\x12\x07no unit"),
        answer_seed(301, &[(3, "https://elsewhere/x?key=1")], &[], b""),
    ]
}

/// Answers of each kind.
pub fn grpc_answer_seeds() -> Vec<Vec<u8>> {
    // RetryInfo of two seconds, as `google.rpc.Status` carries it.
    let details =
        "\x1a\x30\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x02";
    let message = [&[0, 0, 0, 0, PARTIAL.len() as u8][..], PARTIAL].concat();
    let seeds = vec![
        answer_seed(200, &[], &[(4, "0")], &message),
        answer_seed(200, &[], &[(4, "0")], b""),
        answer_seed(200, &[], &[(4, "8"), (6, details)], b""),
        answer_seed(200, &[(4, "14"), (5, "100%25 f%C3%BCll")], &[], b""),
        answer_seed(200, &[(0, "text/html")], &[], b"<html>"),
        answer_seed(503, &[(2, "120")], &[], b""),
    ];
    // The length decides whether it is of gRPC.
    let padded = |mut seed: Vec<u8>| {
        seed.extend(vec![0; usize::from(seed.len().is_multiple_of(8))]);
        seed
    };
    seeds.into_iter().map(padded).collect()
}

/// Manifests: whole, of a later version, with little in it.
pub fn manifest_seeds() -> Vec<Vec<u8>> {
    let whole = r#"{"version":1,"service":"shop","instance":"0a1b","destinations":{"logs":{
        "endpoint":"http://u:p@h:4318/receiver/0123456789abcdefg/v1/logs?key=1",
        "protocol":"http/protobuf","headers":[["api-key","hunter2"]],"timeout_ms":10000,
        "compression":"gzip","certificate":"/ca.pem","client_certificate":null,"client_key":null},
        "metrics":{"endpoint":"http://h:4317","protocol":"grpc"},"traces":null,"strict":true},
        "resource":"0a00ff"}"#;
    let later = whole.replace(":1,", ":2,").replace("gzip", "snappy").replace("\"grpc", "\"quic");
    let little = r#"{"version":1,"service":"","instance":"","destinations":{},"resource":""}"#;
    [whole, &later, little].map(|text| text.as_bytes().to_vec()).to_vec()
}

/// What is set well, and not so well.
pub fn settings_seeds() -> Vec<Vec<u8>> {
    let variable = |(number, signal, text): &(u8, u8, &str)| {
        [&[*number, *signal][..], &counted(text.as_bytes())].concat()
    };
    let inputs: [&[(u8, u8, &str)]; 5] = [
        &[(0, 0, "https://h:4318/base?key=1"), (2, 0, "a=1,b=Basic%20eDp5"), (3, 0, "500")],
        &[(0, 0, "http://[::1]:4317"), (1, 0, "grpc"), (4, 0, "gzip"), (9, 0, "true")],
        &[(0, 1, "http://u:p@h/x"), (1, 1, "http/json"), (4, 1, "zstd"), (3, 1, "99999999")],
        &[(0, 0, "h:4317"), (1, 0, "GRPC"), (8, 0, "true"), (7, 2, "/k"), (5, 3, "/ca.pem")],
        &[
            (10, 1, "otlp, console"),
            (10, 2, "none"),
            (11, 0, "http://p:1"),
            (2, 0, "k=%0d,=,host=x"),
        ],
    ];
    inputs.map(|set| set.iter().map(variable).collect::<Vec<_>>().concat()).to_vec()
}

/// Frames that are whole, of two scopes, and of an unknown version; taken, refused and both.
pub fn payloads_seeds() -> Vec<Vec<u8>> {
    let entry = |version: u8, records: u8, scope: &str, item: &str| {
        let head = [version, records, 0, 0, 0, scope.len() as u8, 0];
        [&head[..], scope.as_bytes(), item.as_bytes()].concat()
    };
    let mut packer = Packer::default();
    for number in 0..12 {
        let scope = if number % 3 == 0 { "\x0a\x01a" } else { "" };
        let is_whole =
            packer.push(Stream::Events, &entry(1, 1 + number % 2, scope, "\x2a\x02\x0a"));
        assert!(is_whole);
    }
    let frames: Vec<Vec<u8>> =
        packer.frames(Stream::Events).map(|(_, payload)| counted(payload)).collect();
    let newer = entry(2, 1, "", "later");
    let newer = [&(newer.len() as u32).to_le_bytes()[..], &newer].concat();
    let input = |records: u32, choices: &[u8], payloads: &[Vec<u8>]| {
        let front = [&records.to_le_bytes()[..], &counted(choices), &[payloads.len() as u8]];
        [&front.concat()[..], &payloads.concat()].concat()
    };
    let two = [frames[0].clone(), counted(&newer)];
    let refused = [9, 9, 1].repeat(40);
    vec![
        input(18, b"", &frames),
        input(18, &refused, &frames),
        input(18, utf8(b"mixed choices, and more of them").as_bytes(), &two),
        input(0, b"", &[]),
    ]
}
