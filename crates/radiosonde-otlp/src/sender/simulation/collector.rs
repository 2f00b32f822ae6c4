//! A collector with faults.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use super::world::Random;
use crate::sender::answer::{Answer, Fields, Value, Verdict};
use crate::sender::response::{Head, of_http};
use crate::sender::status_code::of_grpc;

/// What it does with requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing wrong.
    None,
    /// No connection.
    Refused,
    /// Takes the request and closes before it answers.
    ClosesBeforeAnswer,
    /// Never answers, and takes nothing.
    Hang,
    /// Takes the request and never answers.
    HangAfter,
    /// Answers after so many milliseconds.
    Far(u64),
    /// Answers after so many seconds.
    Slow(u64),
    /// Answers with this status.
    Status(u16),
    /// Answers with this status and `Retry-After`, in seconds.
    Asks(u16, u64),
    /// Answers with this status of gRPC.
    Grpc(i32),
    /// No TLS with this one.
    HandshakeFails,
    /// A page of HTML, with 200.
    Html,
    /// Takes the request, and answers with what cannot be read.
    Garbage,
    /// Refuses so many of each request.
    Partial(u64),
    /// Takes every other request, and answers the others with 503.
    Flaps,
    /// Takes no request of more than so many records.
    TooLarge(usize),
    /// Answers so many of a hundred requests with 500, by chance, and takes the others.
    Random500(u64),
}

impl Fault {
    pub(super) fn all() -> Vec<Self> {
        let mut all = vec![
            Self::Refused,
            Self::ClosesBeforeAnswer,
            Self::Hang,
            Self::HangAfter,
            Self::Slow(3),
            Self::Slow(12),
            Self::Asks(429, 1),
            Self::Asks(503, 5),
            Self::Asks(503, 0),
            Self::Asks(503, u64::MAX),
            Self::HandshakeFails,
            Self::Html,
            Self::Garbage,
            Self::Partial(0),
            Self::Partial(1),
            Self::Flaps,
            Self::TooLarge(50),
            Self::TooLarge(1),
            Self::Random500(50),
        ];
        all.extend([301, 401, 403, 404, 405, 415, 429, 400, 500, 502, 503, 504].map(Self::Status));
        all.extend((1..=16).map(Self::Grpc));
        all
    }

    pub(super) fn is_partial(self) -> bool {
        matches!(self, Self::Partial(_))
    }

    /// Whether it refuses records for what they are, as far as one can tell.
    pub(super) fn is_refusal(self) -> bool {
        let grpc = matches!(self, Self::Grpc(2 | 3 | 13));
        grpc || matches!(self, Self::Status(400 | 413 | 422 | 500) | Self::TooLarge(_))
            || matches!(self, Self::Random500(_))
    }

    /// Whether records may be taken without the sender hearing of it.
    pub(super) fn loses_answers(self) -> bool {
        matches!(self, Self::ClosesBeforeAnswer | Self::HangAfter | Self::Slow(_) | Self::Garbage)
    }

    /// Whether it takes anything.
    pub(super) fn takes_some(self) -> bool {
        matches!(self, Self::None | Self::Slow(3) | Self::Garbage | Self::Partial(_) | Self::Flaps)
            || matches!(self, Self::TooLarge(_) | Self::Random500(_))
    }
}

pub(super) struct Collector {
    /// What it does, from a second on.
    faults: Vec<(u64, Fault)>,
    poison: BTreeSet<u64>,
    /// The record that it fails at.
    fails_at: Option<u64>,
    received: BTreeMap<u64, u64>,
    by_second: BTreeMap<u64, u64>,
    refused: u64,
    asked: u64,
}

impl Collector {
    pub(super) fn new(faults: Vec<(u64, Fault)>, poison: BTreeSet<u64>) -> Self {
        let (received, by_second) = (BTreeMap::new(), BTreeMap::new());
        Self { faults, poison, fails_at: None, received, by_second, refused: 0, asked: 0 }
    }

    /// What it answers, and when; nothing when it never does.
    pub(super) fn asked(
        &mut self,
        now: Duration,
        records: &[u64],
        random: &mut Random,
    ) -> Option<(Duration, Answer)> {
        self.asked += 1;
        let soon = Duration::from_millis(1 + random.below(40));
        let past = self.faults.iter().rev().find(|(from, _)| now.as_secs() >= *from);
        if self.fails_at.is_some_and(|record| records.contains(&record)) {
            return Some((soon, http(500, None)));
        }
        let failed = |text| Answer::new(Verdict::Failed { timed_out: false }, text);
        let answer = match past.map_or(Fault::None, |(_, fault)| *fault) {
            Fault::None => self.take(now, records, 0),
            Fault::Refused => failed("connection refused"),
            Fault::ClosesBeforeAnswer => {
                self.take(now, records, 0);
                failed("connection closed")
            }
            Fault::Hang => return None,
            Fault::HangAfter => {
                self.take(now, records, 0);
                return None;
            }
            Fault::Far(millis) => {
                return Some((Duration::from_millis(millis), self.take(now, records, 0)));
            }
            Fault::Slow(seconds) => {
                return Some((Duration::from_secs(seconds), self.take(now, records, 0)));
            }
            Fault::Status(status) => http(status, None),
            Fault::Asks(status, seconds) => http(status, Some(seconds)),
            Fault::Grpc(code) => of_grpc(code, "scripted", None),
            Fault::HandshakeFails => {
                Answer::new(Verdict::Misconfigured { answered: false }, "unknown issuer")
            }
            Fault::Html => {
                let head = Head { status: 200, content_type: Some("text/html"), ..Head::default() };
                of_http(&head, Some(b"<html>"), SystemTime::UNIX_EPOCH)
            }
            Fault::Garbage => {
                let answer = self.take(now, records, 0);
                match answer.verdict {
                    Verdict::Accepted { .. } => {
                        let head = Head { status: 200, ..Head::default() };
                        of_http(&head, Some(b"\xff\xff"), SystemTime::UNIX_EPOCH)
                    }
                    _ => answer,
                }
            }
            Fault::Partial(count) => self.take(now, records, count),
            Fault::Flaps if self.asked.is_multiple_of(2) => http(503, None),
            Fault::Flaps => self.take(now, records, 0),
            Fault::TooLarge(most) if records.len() > most => http(413, None),
            Fault::Random500(most) if random.below(100) < most => http(500, None),
            Fault::TooLarge(_) | Fault::Random500(_) => self.take(now, records, 0),
        };
        Some((soon, answer))
    }

    /// Takes all but the first so many; none when there is poison among them.
    fn take(&mut self, now: Duration, records: &[u64], refused: u64) -> Answer {
        if records.iter().any(|record| self.poison.contains(record)) {
            return http(400, None);
        }
        let refused = refused.min(records.len() as u64);
        self.refused += refused;
        for record in records.iter().skip(usize::try_from(refused).expect("small")) {
            *self.received.entry(*record).or_default() += 1;
        }
        *self.by_second.entry(now.as_secs()).or_default() += records.len() as u64;
        let count = u8::try_from(refused).expect("small");
        let body = [10, 2, 8, count];
        let head = Head { status: 200, ..Head::default() };
        of_http(&head, Some(&body), SystemTime::UNIX_EPOCH)
    }

    /// Any request with this record comes to a 500.
    pub(super) fn fail_at(&mut self, record: u64) {
        self.fails_at = Some(record);
    }

    pub(super) fn has(&self, record: u64) -> bool {
        self.received.contains_key(&record)
    }

    pub(super) fn doubles(&self) -> u64 {
        self.received.values().map(|count| count - 1).sum()
    }

    /// Records that partial successes named.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    pub(super) fn most_in_a_second(&self) -> u64 {
        self.by_second.values().copied().max().unwrap_or_default()
    }
}

fn http(status: u16, retry_after: Option<u64>) -> Answer {
    let after = retry_after.map(|seconds| seconds.to_string());
    let head = Head { status, retry_after: after.as_deref(), ..Head::default() };
    of_http(&head, Some(b"scripted"), SystemTime::UNIX_EPOCH)
}

/// The records of a request: the items of its scopes.
pub(super) fn records(request: &[u8]) -> Vec<u64> {
    let blocks = |message, number| {
        Fields(message).filter_map(move |field| match field.expect("a whole message") {
            (found, Value::Bytes(bytes)) if found == number => Some(bytes),
            _ => None,
        })
    };
    let scopes = blocks(request, 1).flat_map(|resource| blocks(resource, 2));
    let items = scopes.flat_map(|scope| blocks(scope, 2));
    items.map(|item| u64::from_le_bytes(item.try_into().expect("a record"))).collect()
}
