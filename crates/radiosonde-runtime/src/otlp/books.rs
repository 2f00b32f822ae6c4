//! The books of a spool as the report has them.

use std::time::{SystemTime, UNIX_EPOCH};

use radiosonde_otlp::{Signal, Stream};
use radiosonde_spool::{Account, DropReason, Tally};

use crate::report::ExportReport;

/// The accounts of a spool, signal by signal: logs, traces, metrics.
pub(super) fn by_signal(accounts: &[Account], now: SystemTime) -> Vec<ExportReport> {
    [Signal::Logs, Signal::Traces, Signal::Metrics].map(|signal| of(signal, accounts, now)).into()
}

fn of(signal: Signal, accounts: &[Account], now: SystemTime) -> ExportReport {
    let streams = Stream::ALL.into_iter().zip(accounts);
    let accounts: Vec<&Account> = streams
        .filter(|(stream, _)| stream.signal() == signal)
        .map(|(_, account)| account)
        .collect();
    let sum = |of: fn(&Account) -> Tally| {
        accounts.iter().fold(Tally::default(), |sum, account| sum + of(account))
    };
    let reasons = DropReason::ALL.map(|reason| {
        let of_account = |account: &&Account| {
            let found = account.dropped.iter().find(|(of, _)| *of == reason);
            found.map_or(0, |(_, tally)| tally.records)
        };
        (reason.name().to_owned(), accounts.iter().map(of_account).sum::<u64>())
    });
    let pending = sum(|account| account.pending);
    let oldest = accounts.iter().filter_map(|account| account.oldest_ns).min();
    let now_ns = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    ExportReport {
        signal: signal.name().to_owned(),
        spooled: sum(|account| account.appended).records,
        delivered: sum(|account| account.delivered).records,
        rejected: sum(|account| account.rejected).records,
        dropped: sum(Account::dropped_in_all).records,
        pending: pending.records,
        pending_bytes: pending.bytes,
        pending_in_memory: sum(|account| account.in_memory).records,
        oldest_pending_seconds: oldest
            .filter(|_| pending.records > 0)
            .map(|oldest| now_ns.saturating_sub(oldest) as f64 / 1e9),
        dropped_by_reason: reasons.into_iter().filter(|(_, count)| *count > 0).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn streams_are_summed_by_their_signal_and_add_up() {
        let mut accounts = vec![Account::default(); Stream::ALL.len()];
        for (at, account) in accounts.iter_mut().enumerate() {
            let at = at as u64 + 1;
            account.appended = Tally::new(10 * at, 100 * at);
            account.delivered = Tally::new(6 * at, 60 * at);
            account.rejected = Tally::new(at, 10 * at);
            account.dropped = vec![(DropReason::Cap, Tally::new(2 * at, 20 * at))];
            account.pending = Tally::new(at, 10 * at);
            account.in_memory = Tally::new(1, 10);
            account.oldest_ns = Some(1_000_000_000 * at);
        }
        let now = UNIX_EPOCH + Duration::from_secs(61);
        let books = by_signal(&accounts, now);
        let names: Vec<_> = books.iter().map(|export| export.signal.as_str()).collect();
        assert_eq!(names, ["logs", "traces", "metrics"]);
        let spooled: u64 = books.iter().map(|export| export.spooled).sum();
        assert_eq!(spooled, accounts.iter().map(|account| account.appended.records).sum::<u64>());
        for export in &books {
            let sum = export.delivered + export.rejected + export.dropped + export.pending;
            assert_eq!(export.spooled, sum, "{export:?}");
            assert_eq!(export.dropped_by_reason, [("cap".to_owned(), export.dropped)]);
        }
        let in_memory: u64 = books.iter().map(|export| export.pending_in_memory).sum();
        assert_eq!(in_memory, Stream::ALL.len() as u64);
        assert_eq!(books[0].oldest_pending_seconds, Some(60.0));
        assert_eq!(books[1].oldest_pending_seconds, Some(58.0));
    }
}
