//! What a run did, counted: the numbers of the report and of the gauges.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;

use crate::usage::{Provider, RowError};

/// A run's numbers. `rows read = ingested + held back + duplicates + malformed`, always.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// By provider.
    pub providers: BTreeMap<Provider, ProviderTotals>,
    /// Malformed rows by [`RowError::kind`], those without a window too.
    pub malformed: BTreeMap<&'static str, u64>,
    /// Malformed rows no window could take.
    pub unplaced: u64,
    /// Windows that failed for good: the job and its last error.
    pub failed: Vec<(String, String)>,
    /// Files that were read.
    pub files_read: usize,
    /// Files that could not be read, and why.
    pub files_unreadable: Vec<(String, String)>,
    /// First and last day of the input.
    pub days: Option<(Date, Date)>,
    /// Wall clock of the run.
    pub took: Duration,
}

/// One provider's numbers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ProviderTotals {
    /// Windows with rows.
    pub windows: u64,
    /// Windows ingested.
    pub ingested: u64,
    /// Windows that failed for good.
    pub failed: u64,
    /// Days without a row.
    pub missing: u64,
    /// Rows of ingested windows.
    pub rows: u64,
    /// Good rows of failed windows: the next run's.
    pub held_back: u64,
    /// Rows seen before in their window.
    pub duplicates: u64,
    /// Rows not accepted.
    pub malformed: u64,
    /// Attempts after the first.
    pub retries: u64,
    /// Normalised cost of ingested windows, micro-dollars.
    pub cost_micros: u64,
    /// What the provider invoices for the same windows, micro-dollars.
    pub invoice_micros: u64,
    /// The latest ingested day.
    pub cursor: Option<Date>,
}

impl Totals {
    /// The numbers of one provider.
    pub fn provider(&mut self, provider: Provider) -> &mut ProviderTotals {
        self.providers.entry(provider).or_default()
    }

    /// Counts a row that no window could take.
    pub fn count_unplaced(&mut self, reason: &RowError) {
        self.unplaced += 1;
        *self.malformed.entry(reason.kind()).or_default() += 1;
    }

    /// Counts a malformed row of a window.
    pub fn count_malformed(&mut self, provider: Provider, reason: &RowError) {
        self.provider(provider).malformed += 1;
        *self.malformed.entry(reason.kind()).or_default() += 1;
    }

    /// All providers together.
    pub fn sum(&self) -> ProviderTotals {
        let mut sum = ProviderTotals::default();
        for one in self.providers.values() {
            sum.windows += one.windows;
            sum.ingested += one.ingested;
            sum.failed += one.failed;
            sum.missing += one.missing;
            sum.rows += one.rows;
            sum.held_back += one.held_back;
            sum.duplicates += one.duplicates;
            sum.malformed += one.malformed;
            sum.retries += one.retries;
            sum.cost_micros += one.cost_micros;
            sum.invoice_micros += one.invoice_micros;
            sum.cursor = sum.cursor.max(one.cursor);
        }
        sum
    }
}

impl ProviderTotals {
    /// Normalised cost over invoice, minus one; `None` before anything was invoiced.
    pub fn variance(&self) -> Option<f64> {
        variance(self.cost_micros, self.invoice_micros)
    }
}

/// Cost over invoice, minus one.
pub fn variance(cost_micros: u64, invoice_micros: u64) -> Option<f64> {
    (invoice_micros > 0).then(|| cost_micros as f64 / invoice_micros as f64 - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variance_needs_an_invoice() {
        assert_eq!(variance(5, 0), None);
        assert_eq!(variance(50, 100), Some(-0.5));
        assert_eq!(ProviderTotals::default().variance(), None);
    }
}
