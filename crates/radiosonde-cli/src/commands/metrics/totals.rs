//! Sums of metric changes.

use std::collections::BTreeMap;
use std::io::Write;

use radiosonde_store::Line;

use super::table::{Row, Table};
use crate::outcome::Stop;
use crate::render::Screen;
use crate::render::metric::{Kind, Metric, number, quantity};

/// Sums of metric changes, for each series.
#[derive(Debug, Default)]
pub(crate) struct Totals(BTreeMap<String, Total>);

#[derive(Debug)]
struct Total {
    kind: Kind,
    unit: Option<String>,
    changes: u64,
    /// Of a counter the sum, of a gauge the last value.
    value: f64,
    count: u64,
    sum: f64,
}

impl Totals {
    /// Adds a line, if it is about a change. Lines must come by time, as a gauge's last one counts.
    pub(crate) fn add(&mut self, line: &Line) {
        if !line.is_metric() || line.meta.text("kind") != Some("delta") {
            return;
        }
        let Some(metric) = Metric::of(line) else { return };
        let total = self.0.entry(metric.series()).or_insert_with(|| Total {
            kind: metric.kind,
            unit: metric.unit.map(str::to_owned),
            changes: 0,
            value: 0.0,
            count: 0,
            sum: 0.0,
        });
        total.changes += 1;
        total.count = total.count.saturating_add(metric.count);
        total.sum += metric.sum;
        match (metric.kind, metric.value) {
            (Kind::Counter, Some(by)) => total.value += by,
            (Kind::Gauge, Some(to)) => total.value = to,
            _ => {}
        }
    }

    /// As [`Totals::add`], unless it would be one more series than that. Whether it was not.
    pub(super) fn add_within(&mut self, line: &Line, most: usize) -> bool {
        let is_known =
            || Metric::of(line).is_none_or(|metric| self.0.contains_key(&metric.series()));
        let fits = self.0.len() < most || is_known();
        if fits {
            self.add(line);
        }
        fits
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether something had to be cut.
    pub(crate) fn print(&self, screen: Screen, out: &mut dyn Write) -> Result<bool, Stop> {
        let rows = self.0.iter().map(|(series, total)| {
            let remark = match total.changes {
                1 => String::new(),
                changes => format!("in {changes} changes"),
            };
            let (series, value) = (series.clone(), total.told());
            Row { series, value, picture: String::new(), remark }
        });
        Table { rows: rows.collect() }.print(screen, out)
    }
}

impl Total {
    fn told(&self) -> String {
        let unit = self.unit.as_deref();
        match self.kind {
            Kind::Counter => format!("+{}", number(self.value)),
            Kind::Gauge => format!("= {}", quantity(self.value, unit)),
            Kind::Distribution if self.count == 0 => "0".to_owned(),
            Kind::Distribution if self.count == 1 => quantity(self.sum, unit),
            Kind::Distribution => {
                #[expect(clippy::cast_precision_loss, reason = "a mean for people")]
                let mean = quantity(self.sum / self.count as f64, unit);
                format!("{} × mean {mean}, sum {}", self.count, quantity(self.sum, unit))
            }
        }
    }
}
