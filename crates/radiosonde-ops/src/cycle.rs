//! Metrics that are derived from themselves.

use std::collections::HashMap;

use radiosonde_registry::{MetricSpec, Place};

use crate::{check::Findings, known::few};

/// What derived metrics are derived from.
#[derive(Default)]
pub(crate) struct Cycles<'r> {
    metrics: Vec<Derived<'r>>,
    by_name: HashMap<&'r str, usize>,
}

struct Derived<'r> {
    name: &'r str,
    place: Place,
    reads: Vec<&'r str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Never,
    /// It is between the one that was begun with and the one that is looked at.
    OnTheWay,
    Done,
}

impl<'r> Cycles<'r> {
    /// A derived metric and the metrics its expression reads.
    pub(crate) fn add(&mut self, metric: &'r MetricSpec, place: &Place, reads: Vec<&'r str>) {
        let name = metric.name.as_str();
        let _other = self.by_name.insert(name, self.metrics.len());
        self.metrics.push(Derived { name, place: place.clone(), reads });
    }

    /// Tells each circle once, at the metric it is entered by in the order of the file.
    pub(crate) fn tell(&self, findings: &mut Findings<'_>) {
        let mut seen = vec![Seen::Never; self.metrics.len()];
        for first in 0..self.metrics.len() {
            if seen[first] != Seen::Never {
                continue;
            }
            seen[first] = Seen::OnTheWay;
            // Not by recursion: a chain may be as long as a registry has metrics.
            let mut way = vec![(first, 0)];
            while let Some((at, next)) = way.last_mut() {
                let Some(read) = self.metrics[*at].reads.get(*next) else {
                    seen[*at] = Seen::Done;
                    let _done = way.pop();
                    continue;
                };
                *next += 1;
                let Some(&read) = self.by_name.get(read) else { continue };
                match seen[read] {
                    Seen::Never => {
                        seen[read] = Seen::OnTheWay;
                        way.push((read, 0));
                    }
                    Seen::OnTheWay => self.circle(&way, read, findings),
                    Seen::Done => {}
                }
            }
        }
    }

    fn circle(&self, way: &[(usize, usize)], begin: usize, findings: &mut Findings<'_>) {
        let Derived { name, place, .. } = &self.metrics[begin];
        let others = way.iter().map(|(at, _)| *at).skip_while(|at| *at != begin).skip(1);
        let others: Vec<String> = others.map(|at| self.metrics[at].name.to_owned()).collect();
        let by_way_of = match others.is_empty() {
            true => String::new(),
            false => format!(", by way of {}", few(&others)),
        };
        let what = format!("`{name}` is derived from itself{by_way_of}");
        let fix = "read the metrics it is made of, or its own past by `offset`".to_owned();
        findings.add(place, what, fix);
    }
}
