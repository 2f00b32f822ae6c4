//! The spool that entries wait in.

use std::path::Path;

use radiosonde_spool::{Options, Root, StreamOptions};

use crate::streams::Stream;

/// Segments that a small spool has room for.
const SEGMENTS: u64 = 32;
/// Bytes of the smallest segment: that of the largest frames.
const SEGMENT_LEAST: u64 = 64 << 10;

/// The options of a spool of entries, whose streams are [`Stream::ALL`]: for whoever makes one, and for
/// whoever opens one that was left. `root` is the telemetry directory, over whose spools there is a limit
/// as well; `cap_bytes` is what this one may take on disk, 512 MiB by default. Who has several spools
/// clones the options of one ([`Root`] says why).
///
/// Of the cap business events have a quarter for themselves, spans and warnings an eighth each, log lines
/// of the level info and metrics a sixteenth each; what is left anybody may use, and debug lines have no
/// more than that.
pub fn spool_options(root: Option<&Path>, cap_bytes: Option<u64>) -> Options {
    let mut options = Options::new(Vec::new());
    options.cap_bytes = cap_bytes.unwrap_or(options.cap_bytes);
    options.limits.root = root.map(Root::new);
    let cap = options.cap_bytes;
    // Whole segments are evicted: of a small spool no large part at once.
    options.segment_bytes = (cap / SEGMENTS).clamp(SEGMENT_LEAST, options.segment_bytes);
    let of = |stream: Stream| {
        let share = match stream {
            Stream::LogsDebug => 0,
            Stream::LogsInfo | Stream::Metrics | Stream::MetricsLines => cap / 16,
            Stream::LogsWarning | Stream::Traces => cap / 8,
            Stream::Events => cap / 4,
        };
        StreamOptions::new(stream.name(), stream.rank(), share)
    };
    options.streams = Stream::ALL.map(of).into();
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_stand_at_their_index_and_leave_each_other_room() {
        for cap in [None, Some(64 << 20)] {
            let options = spool_options(Some(Path::new("/telemetry")), cap);
            for stream in Stream::ALL {
                assert_eq!(options.streams[stream.index()].name, stream.name());
            }
            let shares: u64 = options.streams.iter().map(|stream| stream.share_bytes).sum();
            assert!(shares < options.cap_bytes, "{shares} of {}", options.cap_bytes);
            let root = options.limits.root.unwrap();
            assert_eq!(root.path(), Path::new("/telemetry"));
        }
    }
}
