//! What a receiver does wrong, and when.

use std::time::{Duration, Instant};

/// One way for a receiver to behave. Whether it keeps what it was sent stands with each: what it keeps
/// without the sender learning of it comes again from a sender that loses nothing.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// Takes what comes and says so. Kept.
    #[default]
    Healthy,
    /// The ports are closed: who connects is refused, connections that were open are closed. Lasts for
    /// a time or until told, since there are no requests to be counted.
    Refuse,
    /// The connection is reset before the body was read. Not kept.
    Reset,
    /// The body is not read, nothing is answered, the connection stays. Not kept.
    HangBeforeBody,
    /// The body is read, nothing is answered, the connection stays. Not kept.
    HangAfterBody,
    /// The answer comes a byte at a time. Kept.
    SlowAnswer {
        /// Time between two bytes, of the head too.
        every: Duration,
    },
    /// The answer breaks off in its middle. Kept.
    HalfAnswer,
    /// The connection is closed in place of an answer. Kept.
    LoseAnswer,
    /// This HTTP status, to gRPC as well, as a proxy would answer. Not kept.
    Status {
        /// The status.
        code: u16,
        /// Further headers.
        headers: Vec<(String, String)>,
    },
    /// This status of gRPC; over HTTP the status that belongs to it. Not kept.
    Grpc {
        /// The code, 1 to 16.
        code: i32,
        /// The message.
        message: String,
        /// What `RetryInfo` says; over HTTP a header `Retry-After`, in whole seconds.
        retry_after: Option<Duration>,
    },
    /// Success, but for the last so many records. The others are kept.
    PartialSuccess {
        /// Records that are rejected.
        rejected: u32,
        /// What is said about them; with none rejected it is a warning.
        message: String,
    },
    /// Status 200 and a page of HTML, as of a captive portal. Not kept.
    Html,
    /// Status 200 and a body that is no protobuf. Kept.
    Garbage,
    /// Reads so many bytes a second. Kept.
    Throttle {
        /// The rate.
        bytes_per_s: u32,
    },
    /// Bodies larger than this, decompressed, are refused with 413 or RESOURCE_EXHAUSTED; others are
    /// kept.
    TooLarge {
        /// The size up to which they are taken.
        bytes_max: usize,
    },
    /// Requests that hold this text anywhere are refused with 400 or INVALID_ARGUMENT, and nothing of
    /// them is kept; others are.
    Poison(String),
    /// Compressed requests are refused with 415 or UNIMPLEMENTED; others are kept.
    Uncompressed,
}

impl Fault {
    /// An HTTP status without further headers.
    pub fn status(code: u16) -> Fault {
        Fault::Status { code, headers: Vec::new() }
    }

    /// An HTTP status with one header, such as `Retry-After`.
    pub fn status_with(code: u16, header: &str, value: &str) -> Fault {
        Fault::Status { code, headers: vec![(header.to_owned(), value.to_owned())] }
    }

    /// A status of gRPC, with `RetryInfo` when there is a time.
    pub fn grpc(code: i32, retry_after: Option<Duration>) -> Fault {
        Fault::Grpc { code, message: "as the script says".to_owned(), retry_after }
    }
}

/// Faults one after the other. After the last one the receiver is healthy.
///
/// A step that lasts a time begins when the one before it has ended, the first one when the script is
/// handed over; a step of so many requests counts those of all ports and signals.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct Script {
    steps: Vec<(Fault, Until)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    Requests(u64),
    Told,
    Within(Duration),
}

impl Script {
    /// No faults.
    pub fn healthy() -> Script {
        Script::default()
    }

    /// Behaves so for the next so many requests. [`Fault::Refuse`] sees none, and so lasts until told.
    pub fn requests(mut self, requests: u64, fault: Fault) -> Script {
        if requests > 0 {
            let until =
                if fault == Fault::Refuse { Until::Told } else { Until::Requests(requests) };
            self.steps.push((fault, until));
        }
        self
    }

    /// Behaves so for this time.
    pub fn during(mut self, time: Duration, fault: Fault) -> Script {
        self.steps.push((fault, Until::Within(time)));
        self
    }

    /// Behaves so until [`next_step`](crate::Receiver::next_step) is called.
    pub fn until_told(mut self, fault: Fault) -> Script {
        self.steps.push((fault, Until::Told));
        self
    }
}

/// A script that is being played.
#[derive(Debug)]
pub(crate) struct Play {
    steps: std::vec::IntoIter<(Fault, Until)>,
    present: Option<(Fault, Until)>,
    since: Instant,
    requests: u64,
}

impl Play {
    pub(crate) fn new(script: Script, now: Instant) -> Play {
        let mut steps = script.steps.into_iter();
        let present = steps.next();
        Play { steps, present, since: now, requests: 0 }
    }

    /// How a request that comes now is treated.
    pub(crate) fn request(&mut self, now: Instant) -> Fault {
        let fault = self.present(now);
        self.requests += 1;
        if let Some((_, Until::Requests(most))) = self.present
            && self.requests >= most
        {
            self.advance(now);
        }
        fault
    }

    /// How the receiver behaves now.
    pub(crate) fn present(&mut self, now: Instant) -> Fault {
        while let Some(end) = self.end()
            && end <= now
        {
            // The next step begins where this one was to end, however late that is noticed.
            self.advance(end);
        }
        self.present.as_ref().map(|(fault, _)| fault.clone()).unwrap_or_default()
    }

    /// When the present step ends by itself.
    pub(crate) fn end(&self) -> Option<Instant> {
        match self.present {
            Some((_, Until::Within(time))) => self.since.checked_add(time),
            _ => None,
        }
    }

    /// Goes to the next step.
    pub(crate) fn advance(&mut self, now: Instant) {
        self.present = self.steps.next();
        self.since = now;
        self.requests = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_each_other_by_requests_by_time_and_when_told() {
        let second = Duration::from_secs(1);
        let script = Script::healthy()
            .requests(2, Fault::Reset)
            .during(10 * second, Fault::Html)
            .requests(0, Fault::Garbage)
            .until_told(Fault::Refuse)
            .requests(1, Fault::LoseAnswer);
        let start = Instant::now();
        let mut play = Play::new(script, start);
        assert_eq!(play.request(start), Fault::Reset);
        assert_eq!(play.end(), None);
        assert_eq!(play.request(start + second), Fault::Reset);
        assert_eq!(play.end(), Some(start + 11 * second));
        assert_eq!(play.request(start + 10 * second), Fault::Html);
        assert_eq!(play.request(start + 11 * second), Fault::Refuse);
        assert_eq!(play.present(start + 3600 * second), Fault::Refuse);
        play.advance(start + 3600 * second);
        assert_eq!(play.request(start + 3601 * second), Fault::LoseAnswer);
        assert_eq!(play.request(start + 3601 * second), Fault::Healthy);
        assert_eq!(play.present(start + 9999 * second), Fault::Healthy);
    }

    #[test]
    fn a_step_that_was_slept_through_does_not_delay_the_next_one() {
        let second = Duration::from_secs(1);
        let script = Script::healthy().during(second, Fault::Reset).during(second, Fault::Html);
        let start = Instant::now();
        let mut play = Play::new(script, start);
        assert_eq!(play.present(start + second * 3 / 2), Fault::Html);
        assert_eq!(play.end(), Some(start + 2 * second));
        assert_eq!(play.present(start + 2 * second), Fault::Healthy);
    }
}
