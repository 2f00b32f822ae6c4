//! What of a condition is told without taking a line apart: by a look at it, and by an index.

use super::{Condition, Key, Own, Test};
use crate::peek::Peek;

impl Condition {
    /// The key of the line itself it is about. `None` where it is about a field.
    pub(crate) fn own(&self) -> Option<Own> {
        match self.key {
            Key::Of(own) => Some(own),
            Key::Any(_) | Key::Meta(_) => None,
        }
    }

    /// Whether a line without a value fits.
    pub(crate) fn is_negated(&self) -> bool {
        self.negated
    }

    /// Whether it holds for a line, by a look at it. `None` where that does not tell.
    pub(crate) fn look(&self, facts: &Peek<'_>) -> Option<bool> {
        let value = match self.own()? {
            Own::Level => {
                let holds = facts.level.is_some_and(|level| self.test.of_level(level));
                return Some(holds != self.negated);
            }
            Own::Evt => Some(facts.evt),
            Own::Id => facts.id,
            Own::JobId => facts.job_id,
            Own::MachineId => facts.machine_id,
            Own::Service => facts.service,
            Own::SessionId => facts.session_id,
            Own::SpanId => facts.span_id,
            Own::TraceId => facts.trace_id,
            Own::WorkerId => facts.worker_id,
            Own::Msg | Own::Source | Own::Ts => return None,
        };
        let holds = match value {
            Some(value) => self.accepts(value)?,
            None => false,
        };
        Some(holds != self.negated)
    }

    /// Whether a look at a line in our form always tells.
    pub(crate) fn is_seen(&self) -> bool {
        self.look(&Peek::default()).is_some()
    }

    /// Whether the value of its key passes the test, which a negated condition denies. `None` for what is
    /// no text.
    pub(crate) fn accepts(&self, value: &[u8]) -> Option<bool> {
        let text = std::str::from_utf8(value).ok()?;
        Some(match self.own()? {
            Own::Level => text.parse().is_ok_and(|level| self.test.of_level(level)),
            // As missing.
            Own::Evt if text.is_empty() => false,
            own => self.test.of_own(own, text),
        })
    }

    /// The key and the id, or how it begins, where it asks for just that and every line that has it spells
    /// it so; that of a trace in either case.
    pub(crate) fn id(&self) -> Option<(Own, &str)> {
        self.own().zip(self.sought_id()).map(|(own, (id, _))| (own, id))
    }

    /// That id, and whether it is in either case.
    pub(in crate::query) fn sought_id(&self) -> Option<(&str, bool)> {
        let is_id = self.own().is_some_and(Own::is_id);
        match &self.test {
            Test::Equal(literal) if is_id && !self.negated => literal.spelled(),
            _ => None,
        }
    }
}

impl Own {
    fn is_id(self) -> bool {
        matches!(
            self,
            Self::Id
                | Self::JobId
                | Self::MachineId
                | Self::SessionId
                | Self::SpanId
                | Self::TraceId
                | Self::WorkerId
        )
    }
}
