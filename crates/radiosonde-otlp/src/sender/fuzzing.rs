//! What the sender reads, for fuzz targets: answers, manifests, settings and entries, whatever is in them.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use tokio::runtime::{Builder, Runtime};

use super::answer::{Answer, Fields, Value, Verdict};
use super::breaker::{Breaker, Failure, HINT_MAX, HOLD, Permit};
use super::connect::Heard;
use super::job::Job;
use super::proxy::Proxies;
use super::store::Range;
use super::transport::{Transport, grpc, http1};
use crate::assemble::assemble;
use crate::destination::Destination;
use crate::endpoint::Url;
use crate::entry::{Packer, entries};
use crate::manifest::Manifest;
use crate::settings::settings_from;
use crate::signal::Signal;
use crate::streams::Stream;
use radiosonde_record::base64;

/// Longest text of an answer, in bytes: what is kept of it, and how long it asks to be left alone.
const TEXT_MAX: usize = 700;

/// An answer on its way: a status, headers and a body.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Said<'a> {
    /// Of HTTP. What cannot be one is 200.
    pub status: u16,
    /// Names with values, as bytes. What can be no header is left out.
    pub headers: Vec<(&'a str, &'a [u8])>,
    /// The body.
    pub body: &'a [u8],
    /// Headers behind the body. In these, and in the headers, what `grpc-status-details-bin` has is turned
    /// into base64 first.
    pub trailers: Vec<(&'a str, &'a [u8])>,
}

impl Said<'_> {
    fn response<B>(&self, body: B) -> Response<B> {
        let mut response = Response::new(body);
        *response.status_mut() = self.status.try_into().unwrap_or_default();
        *response.headers_mut() = headers(&self.headers);
        response
    }

    fn body(&self) -> Full<Bytes> {
        Full::new(Bytes::copy_from_slice(self.body))
    }
}

fn headers(from: &[(&str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in from {
        let encoded = name.ends_with("-bin").then(|| base64::encoded(value));
        let value = encoded.as_ref().map_or(*value, |encoded| encoded.as_bytes());
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    headers
}

/// Reads an answer over HTTP; whether it acknowledges.
///
/// # Panics
/// If what is made of it contradicts it.
pub fn http_answer(said: &Said<'_>) -> bool {
    let response = said.response(said.body());
    let status = response.status().as_u16();
    let end = Instant::now() + Duration::from_secs(60);
    let answer = wait(http1::read(response, end.into()));
    let is_taken = judge(&answer);
    assert!(!is_taken || (200..300).contains(&status), "{status} acknowledges");
    assert!(is_taken || !answer.text.is_empty(), "a refusal without a word");
    is_taken
}

/// Reads an answer over gRPC; whether it acknowledges.
///
/// # Panics
/// If what is made of it contradicts it.
pub fn grpc_answer(said: &Said<'_>) -> bool {
    let trailers = headers(&said.trailers);
    let trailers = (!trailers.is_empty()).then_some(Ok::<_, Infallible>(trailers));
    let is_ok = |headers: &HeaderMap| {
        let code = headers.get("grpc-status").and_then(|code| code.to_str().ok());
        code.is_some_and(|code| code.trim().parse() == Ok(0))
    };
    let may_be_taken = is_ok(&headers(&said.headers)) || is_ok(&headers(&said.trailers));
    let response = said.response(said.body().with_trailers(ready(trailers)));
    let status = response.status().as_u16();
    let answer = wait(grpc::read(response, &Heard::default()));
    let is_taken = judge(&answer);
    assert!(!is_taken || status != 200 || may_be_taken, "{status} acknowledges without a status");
    is_taken
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: Runtime =
            Builder::new_current_thread().enable_time().build().expect("a runtime");
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// Whether an answer acknowledges. It never makes us wait for longer than ten minutes, and its text can be
/// shown.
fn judge(answer: &Answer) -> bool {
    let Answer { verdict, text } = answer;
    assert!(text.len() <= TEXT_MAX && !text.contains(char::is_control), "{text:?}");
    let now = Duration::from_secs(9);
    let failure = match *verdict {
        Verdict::Accepted { .. } => return true,
        Verdict::Failed { timed_out } => Failure::Passing { timed_out },
        Verdict::Misconfigured { .. } => Failure::Configuration,
        Verdict::Throttled { wait, .. } => Failure::Throttled(wait),
        Verdict::Faulty | Verdict::Refused | Verdict::TooLarge => {
            Failure::Passing { timed_out: false }
        }
    };
    let mut breaker = Breaker::new(Duration::from_secs(10));
    breaker.failed(now, failure, false, u64::MAX);
    if let Permit::Wait(until) = breaker.permit(now) {
        let until = until.expect("an end of the wait");
        assert!(until > now && until <= now + HINT_MAX.max(HOLD), "{until:?}");
    }
    false
}

/// Reads a manifest; whether it is one.
///
/// # Panics
/// If it is not written as it was read, or shows what is secret.
pub fn manifest(bytes: &[u8]) -> bool {
    let Ok(manifest) = Manifest::from_bytes(bytes) else { return false };
    let written = manifest.to_bytes().expect("paths that were read as text");
    assert!(Manifest::from_bytes(&written).is_ok_and(|again| again == manifest));
    for signal in Signal::ALL {
        if let Some(destination) = manifest.destinations.of(signal) {
            sendable(destination, signal, false);
        }
    }
    true
}

/// Reads variables; whether anything is sent.
///
/// # Panics
/// If what is sent could not be, or a complaint says too little.
pub fn settings(lookup: &dyn Fn(&str) -> Option<String>) -> bool {
    let (found, complaints) = settings_from(lookup);
    for complaint in &complaints {
        let text = complaint.to_string();
        assert!(text.starts_with(&complaint.variable) && !complaint.fix.is_empty(), "{text}");
        assert!(complaint.what.len() > complaint.variable.len(), "{text}");
    }
    assert!(complaints.len() <= 512, "{} complaints", complaints.len());
    let Some(found) = found else { return false };
    assert!(!found.is_empty());
    for signal in Signal::ALL {
        if let Some(destination) = found.of(signal) {
            sendable(destination, signal, true);
        }
    }
    let _ = Proxies::from(lookup);
    true
}

/// Makes connections to a destination, without connecting; what was checked before must do.
fn sendable(destination: &Destination, signal: Signal, is_checked: bool) {
    assert!(Instant::now().checked_add(destination.timeout()).is_some());
    let shown = destination.shown();
    let is_open = |url: Url| url.user.is_none() && url.query.is_none();
    let is_shown = Url::parse(&shown.replace('…', "x")).is_ok_and(is_open);
    assert!(is_shown || shown == "an endpoint that is no URL", "{shown}");
    // Files of certificates are those of whoever wrote the text: they are not opened here.
    let is_plain =
        destination.endpoint.parse::<Uri>().is_ok_and(|uri| uri.scheme_str() == Some("http"));
    if !is_plain && !is_checked {
        return;
    }
    let mut destination = destination.clone();
    if let Some(rest) = destination.endpoint.strip_prefix("https:") {
        destination.endpoint = format!("http:{rest}");
    }
    let transport = Transport::new(destination, signal, Proxies::default());
    let made = transport.connect().err();
    assert!(made.is_none() || !is_checked, "{shown}: {}", made.unwrap_or_default());
}

/// A range of any payloads.
struct Payloads<'a> {
    records: u64,
    payloads: Vec<&'a [u8]>,
}

impl Range for Payloads<'_> {
    fn first(&self) -> u64 {
        u64::MAX - self.records / 2
    }

    fn records(&self) -> u64 {
        self.records
    }

    fn is_again(&self) -> bool {
        false
    }

    fn payloads(&self) -> Vec<&[u8]> {
        self.payloads.clone()
    }
}

/// Reads payloads of frames as a range of so many records, which a collector takes, refuses and fails at as
/// `choices` say, until nothing is left of it. The entries in them.
///
/// # Panics
/// If anything of it is sent twice, or never, or the books of it do not add up.
pub fn payloads(payloads: &[&[u8]], records: u64, mut choices: impl FnMut() -> u8) -> usize {
    let read: Vec<_> = payloads.iter().flat_map(|it| entries(it)).flatten().collect();
    let request = assemble(b"\x0a\0", &read);
    assert_eq!(items(&request), Some(read.len()), "what is assembled is a message");
    repacked(payloads);

    let taken = Payloads { records, payloads: payloads.to_vec() };
    let mut job = Job::new(1, 1, Stream::Events, taken);
    let (mut sent, mut poison, mut now) = (0, 0, Duration::ZERO);
    // What is refused ends as single entries that are given up; what fails is not for ever.
    for step in 0..u64::MAX {
        now += Duration::from_secs(61);
        job.unpark(now, step);
        let Some(part) = job.next(1 + u64::from(choices()), 64 << (choices() % 12)) else { break };
        let count = job.entries(part).len();
        assert!(count > 0 && job.range(part).0 <= job.range(part).1);
        match choices() % 4 {
            1 => poison += usize::from(job.refused(part, step, now).is_some()),
            2 => job.faulted(part, now),
            3 => job.give_back(part),
            _ => {
                job.accepted(part, u64::from(choices()));
                sent += count;
            }
        }
    }
    assert!(job.is_done());
    assert_eq!(sent + poison, read.len(), "each entry is sent once, or given up");
    let settled = job.settled();
    assert_eq!(settled.delivered + settled.rejected, records);
    read.len()
}

/// Entries that were read are packed and read again as they were.
fn repacked(payloads: &[&[u8]]) {
    let mut packer = Packer::default();
    let mut pushed = Vec::new();
    for payload in payloads {
        let mut rest = *payload;
        while let Some((length, after)) = rest.split_first_chunk() {
            let Some(entry) = after.get(..u32::from_le_bytes(*length) as usize) else { break };
            rest = &after[entry.len()..];
            if packer.push(Stream::Traces, entry) {
                pushed.push(entry);
            }
        }
    }
    let read = packer.frames(Stream::Traces).flat_map(|(_, frame)| entries(frame));
    let expected = pushed.iter().map(|entry| crate::entry::Entry::decode(entry));
    assert!(read.eq(expected));
}

/// Items of a request, without a look into them; none when it is no message.
fn items(request: &[u8]) -> Option<usize> {
    let mut count = 0;
    for field in Fields(request) {
        let (1, Value::Bytes(of_resource)) = field? else { return None };
        for field in Fields(of_resource) {
            let (number, Value::Bytes(of_scope)) = field? else { return None };
            if number != 2 {
                continue;
            }
            for field in Fields(of_scope) {
                let (number, Value::Bytes(_)) = field? else { return None };
                count += usize::from(number == 2);
            }
        }
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acknowledges_is_told_from_what_does_not() {
        let said = |status, headers, body| Said { status, headers, body, trailers: Vec::new() };
        assert!(http_answer(&said(200, Vec::new(), b"")));
        assert!(!http_answer(&said(503, vec![("retry-after", b"99999999999999")], b"busy")));
        let of_grpc: (&str, &[u8]) = ("content-type", b"application/grpc");
        for (code, is_taken) in [(&b"0"[..], true), (b"8", false), (b"none", false)] {
            let trailers = vec![("grpc-status", code), ("grpc-status-details-bin", b"\xff")];
            let said = Said { trailers, ..said(200, vec![of_grpc], b"\0\0\0\0\0") };
            assert_eq!(grpc_answer(&said), is_taken, "{code:?}");
        }
    }

    #[test]
    fn what_is_searched_and_packed_ends() {
        let mut packer = Packer::default();
        for number in 0..20 {
            assert!(packer.push(Stream::Events, &[1, 1, 0, 0, 0, 0, 0, number]));
        }
        let frames: Vec<_> = packer.frames(Stream::Events).map(|(_, frame)| frame).collect();
        let mut turn = 0;
        let choices = || {
            turn += 1;
            if turn < 200 { turn } else { 0 }
        };
        assert_eq!(payloads(&frames, 20, choices), 20);
    }
}
