//! The end, with a collector that takes everything.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use radiosonde_record::{Descriptor, Level, Site};

use super::*;
use crate::telemetry::Telemetry;
use crate::{Config, Profile, Service};

/// Longer than anything takes that works.
const LONG: Duration = Duration::from_secs(30);
/// Less than records gather for.
const SHORT: Duration = Duration::from_millis(400);

/// Reads a request and accepts it.
fn accept(stream: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line)? > 0 && !line.trim().is_empty() {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let _body = io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    reader.into_inner().write_all(answer.as_bytes())
}

fn collector() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // For as long as the tests run.
    let _thread = thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.and_then(accept);
        }
    });
    format!("http://{address}")
}

fn record(telemetry: &Telemetry) {
    let site = Site::from(Descriptor { name: "paid".to_owned(), ..Descriptor::default() });
    let journal = telemetry.journal().unwrap();
    journal.record(Kind::Event, Level::Info, &site, &[], |_| ());
    assert!(journal.control().flush(LONG));
}

#[test]
fn own_records_do_not_wait_at_the_end_for_a_disk_with_those_of_others() {
    let endpoint = collector();
    let last_is_sent = |_| {
        let directory = tempfile::tempdir().unwrap();
        let config = Config::new(Service::new("short", "1")).dir(directory.path());
        let config = config.profile(Profile::Cli).otlp(&endpoint);
        let (telemetry, _) = Telemetry::start(&config);
        let otlp = telemetry.otlp().clone();
        record(&telemetry);
        assert!(otlp.flush(LONG));
        // From here on others gather. The disk with what was found hangs.
        record(&telemetry);
        otlp.set_adopting();
        otlp.shutdown(SHORT);
        let signals = otlp.report().unwrap().signals;
        otlp.set_adopted();
        drop(telemetry.shutdown(LONG));
        signals.iter().all(|signal| signal.pending == 0)
    };
    // A machine with other things to do may not be in time for one of them.
    assert!((0..10).any(last_is_sent));
}
