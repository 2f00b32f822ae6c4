//! Head sampling by the names of `OTEL_TRACES_SAMPLER`.

use std::fmt;

use radiosonde_context::TraceId;

/// Which traces are recorded. Decided once, at the root.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// Share of traces that are kept, 0 to 1.
    ratio: f64,
    /// Whether a parent's decision stands.
    parent_based: bool,
}

impl Default for Sampler {
    /// `parentbased_always_on`, the default of OpenTelemetry.
    fn default() -> Self {
        Self { ratio: 1.0, parent_based: true }
    }
}

impl Sampler {
    /// Reads the values of `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.
    ///
    /// # Errors
    /// [`InvalidSampler`] for a name the specification does not have or an argument that is not a
    /// number from 0 to 1.
    pub fn parse(name: &str, argument: Option<&str>) -> Result<Self, InvalidSampler> {
        let ratio = || match argument.map(str::trim) {
            None | Some("") => Ok(1.0),
            Some(text) => match text.parse::<f64>() {
                Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
                _ => Err(InvalidSampler(format!("argument `{text}` is not a number from 0 to 1"))),
            },
        };
        let name = name.trim();
        let lowercase = name.to_ascii_lowercase();
        let (kind, parent_based) = match lowercase.strip_prefix("parentbased_") {
            Some(kind) => (kind, true),
            None => (lowercase.as_str(), false),
        };
        let ratio = match kind {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => ratio()?,
            _ => return Err(InvalidSampler(format!("unknown sampler `{name}`"))),
        };
        Ok(Self { ratio, parent_based })
    }

    /// Whether a span is recorded, given its trace and the decision of its parent.
    pub(crate) fn decide(&self, trace_id: TraceId, parent: Option<bool>) -> bool {
        if self.parent_based
            && let Some(decision) = parent
        {
            return decision;
        }
        if self.ratio >= 1.0 {
            return true;
        }
        // The 56 bits that are random by W3C Trace Context, level 2: against the threshold below
        // which traces are rejected, so that whoever keeps a larger share keeps this trace as well.
        let rejected_below = ((1.0 - self.ratio) * RANDOM_VALUES as f64) as u64;
        trace_id.low() % RANDOM_VALUES >= rejected_below
    }

    /// Whether nothing is sampled, whatever a parent says.
    #[inline]
    pub(crate) fn is_never(&self) -> bool {
        !self.parent_based && self.ratio <= 0.0
    }

    /// Whether children of a span that is not sampled are not sampled either.
    #[inline]
    pub(crate) fn follows(&self, trace_id: impl FnOnce() -> Option<TraceId>) -> bool {
        self.parent_based
            || self.ratio <= 0.0
            || trace_id().is_some_and(|trace_id| !self.decide(trace_id, None))
    }
}

/// How many values the random part of a trace id has: 56 bits.
const RANDOM_VALUES: u64 = 1 << 56;

/// A sampler that does not exist, or an argument that is no ratio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSampler(String);

impl fmt::Display for InvalidSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidSampler {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_specification_are_understood() {
        let kept = |sampler: Sampler, parent| {
            (0..1000).filter(|_| sampler.decide(TraceId::random(), parent)).count()
        };
        let parse = |name, argument| Sampler::parse(name, argument).unwrap();
        assert_eq!(kept(parse("always_on", None), Some(false)), 1000);
        assert_eq!(kept(parse("always_off", None), Some(true)), 0);
        assert_eq!(kept(parse("parentbased_always_off", None), Some(true)), 1000);
        assert_eq!(kept(parse("parentbased_always_on", None), Some(false)), 0);
        let some = kept(parse("traceidratio", Some("0.5")), None);
        assert!((350..650).contains(&some), "{some}");
        assert_eq!(kept(parse("parentbased_traceidratio", Some("0")), None), 0);
    }

    #[test]
    fn the_random_part_of_a_trace_id_decides() {
        let trace = |random: u64| {
            // What stands before the random part has no say.
            let bytes = (u128::from(u64::MAX) << 64) | u128::from(0xab << 56 | random);
            TraceId::from_bytes(bytes.to_be_bytes()).unwrap()
        };
        let half = Sampler::parse("TraceIdRatio", Some(" 0.5 ")).unwrap();
        let tenth = Sampler::parse("traceidratio", Some("0.1")).unwrap();
        for (random, in_half, in_tenth) in [
            (0, false, false),
            ((1 << 55) - 1, false, false),
            (1 << 55, true, false),
            ((1 << 56) - 1, true, true),
        ] {
            assert_eq!(half.decide(trace(random), None), in_half, "{random:x}");
            assert_eq!(tenth.decide(trace(random), None), in_tenth, "{random:x}");
        }
    }

    #[test]
    fn others_are_named() {
        let cases = [
            ("alway_on", None, "unknown sampler `alway_on`"),
            ("traceidratio", Some("2"), "argument `2` is not a number from 0 to 1"),
            ("traceidratio", Some("NaN"), "argument `NaN` is not a number from 0 to 1"),
        ];
        for (name, argument, expected) in cases {
            assert_eq!(Sampler::parse(name, argument).unwrap_err().to_string(), expected);
        }
    }
}
