//! A spool with records, a sender, and where it sends to.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use radiosonde_otlp::{
    Destination, Destinations, Manifest, Protocol, Resource, Sender, SenderOptions, Signal, Status,
    Stream,
};
use radiosonde_spool::{Frame, Options, Spool, StreamOptions};
use radiosonde_testkit::Receiver;

/// Longer than anything takes that works.
pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) const PROTOCOLS: [Protocol; 2] = [Protocol::Grpc, Protocol::Http];

/// A spool in a folder of its own.
pub(crate) struct Bed {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) spool: Spool,
    batch: u64,
    records: u64,
}

impl Bed {
    pub(crate) fn new() -> Self {
        Self::from(0)
    }

    /// One whose records are numbered from there.
    pub(crate) fn from(records: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let spool =
            Spool::create(&folder.path().join("spool"), b"{}", &options()).expect("a spool");
        Self { folder, spool, batch: 0, records }
    }

    /// The spool as the next process finds it.
    pub(crate) fn reopened(self) -> Self {
        let Self { folder, spool, batch, records } = self;
        drop(spool);
        let spool = Spool::open(&folder.path().join("spool"), &options()).expect("the spool");
        Self { folder, spool, batch, records }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// So many log lines, as frames of 50.
    pub(crate) fn append(&mut self, records: u64) {
        self.append_as(records, |number| format!("line {number}"));
    }

    pub(crate) fn append_as(&mut self, records: u64, text: impl Fn(u64) -> String) {
        let numbers: Vec<u64> = (self.records..self.records + records).collect();
        self.records += records;
        let payloads: Vec<(u32, Vec<u8>)> = numbers
            .chunks(50)
            .map(|numbers| {
                let payload =
                    numbers.iter().flat_map(|number| entry(&log(*number, &text(*number))));
                (u32::try_from(numbers.len()).expect("few"), payload.collect())
            })
            .collect();
        let frames: Vec<Frame<'_>> = payloads
            .iter()
            .map(|(records, payload)| Frame { records: *records, payload })
            .collect();
        self.batch += 1;
        self.spool.stream(Stream::LogsInfo.index()).append(self.batch, &frames);
    }

    /// Records of the spool that are delivered, rejected and pending.
    pub(crate) fn books(&self) -> (u64, u64, u64) {
        let accounts = self.spool.accounts();
        let sum = |of: fn(&radiosonde_spool::Account) -> u64| accounts.iter().map(of).sum();
        (
            sum(|account| account.delivered.records),
            sum(|account| account.rejected.records),
            sum(|account| account.pending.records),
        )
    }

    /// A sender that serves the spool.
    pub(crate) fn send(&self, destination: &Destination) -> Sender {
        self.send_with(destination, options_of_sender(), false)
    }

    pub(crate) fn send_with(
        &self,
        destination: &Destination,
        options: SenderOptions,
        strict: bool,
    ) -> Sender {
        let sender = Sender::start(options).expect("a thread");
        sender.add(self.spool.clone(), &manifest(destination, strict), None);
        sender
    }
}

pub(crate) fn options_of_sender() -> SenderOptions {
    let mut options = SenderOptions::default();
    options.start_jitter = Duration::ZERO;
    options
}

pub(crate) fn manifest(destination: &Destination, strict: bool) -> Manifest {
    let mut destinations = Destinations::default();
    destinations.set(Signal::Logs, Some(destination.clone()));
    destinations.strict = strict;
    Manifest::new("shop", "k3f9q2xw", destinations, Resource::new("shop", "1", "k3f9q2xw").encode())
}

/// The destination of logs at a receiver.
pub(crate) fn to(receiver: &Receiver, protocol: Protocol) -> Destination {
    let endpoint = match protocol {
        Protocol::Grpc => receiver.grpc_endpoint(),
        _ => receiver.http_endpoint() + "/v1/logs",
    };
    Destination::new(endpoint, protocol)
}

/// Waits for a status that is as it should be.
pub(crate) fn status(sender: &Sender, is_it: impl Fn(&Status) -> bool) -> Status {
    let end = Instant::now() + LONG;
    loop {
        let found = sender.status();
        if let Some(found) = found.iter().find(|status| is_it(status)) {
            return found.clone();
        }
        assert!(Instant::now() < end, "never: {found:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn options() -> Options {
    let stream = |stream: Stream| StreamOptions::new(stream.name(), stream.rank(), 0);
    Options::new(Stream::ALL.into_iter().map(stream).collect())
}

/// An entry of a frame: see its layout in the crate.
fn entry(item: &[u8]) -> Vec<u8> {
    let length = u32::try_from(7 + item.len()).expect("small");
    let mut entry = length.to_le_bytes().to_vec();
    entry.push(1);
    entry.extend(1_u32.to_le_bytes());
    entry.extend(0_u16.to_le_bytes());
    entry.extend(item);
    entry
}

fn log(number: u64, text: &str) -> Vec<u8> {
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
    use opentelemetry_proto::tonic::logs::v1::LogRecord;
    use prost::Message as _;
    let value = |text: &str| Some(AnyValue { value: Some(Value::StringValue(text.to_owned())) });
    let uid = KeyValue {
        key: "log.record.uid".to_owned(),
        value: value(&format!("{number}")),
        ..KeyValue::default()
    };
    let record = LogRecord {
        time_unix_nano: 1 + number,
        body: value(text),
        attributes: vec![uid],
        ..LogRecord::default()
    };
    record.encode_to_vec()
}
