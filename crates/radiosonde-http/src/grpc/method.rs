//! Methods, and which of them there are.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock, TryLockError};

use radiosonde_context::is_forked_child;

use super::status::only_a_method_answers;
use crate::method::OTHER;
use crate::url::redacted_path;

/// Methods a server remembers. A service with more of them has `_OTHER` for the calls of the rest
/// that end before they are answered.
const KNOWN_MAX: usize = 1_000;
/// Bytes of a method that is remembered, and of one that is shown.
const METHOD_BYTES_MAX: usize = 256;

/// The methods a server has answered. Anybody can ask for anything, so a method that was asked for
/// is none: what the server has is known by its answer.
#[derive(Debug, Default)]
pub(crate) struct KnownMethods(RwLock<HashSet<Box<str>>>);

impl KnownMethods {
    fn has(&self, method: &str, is_forked: bool) -> bool {
        locked(is_forked, || self.0.try_read(), || self.0.read())
            .is_some_and(|known| known.contains(method))
    }

    /// Whether there is room for it.
    fn add(&self, method: &str, is_forked: bool) -> bool {
        if method.len() > METHOD_BYTES_MAX {
            return false;
        }
        let locked = locked(is_forked, || self.0.try_write(), || self.0.write());
        let Some(mut known) = locked else { return false };
        if known.len() >= KNOWN_MAX {
            return known.contains(method);
        }
        known.insert(method.into());
        true
    }
}

/// A lock, waited for except in a forked child: whoever held it at the fork is not there to let it go.
/// Poisoned or not, the set is whole: nothing panics while it is written.
fn locked<G>(
    is_forked: bool,
    try_lock: impl FnOnce() -> Result<G, TryLockError<G>>,
    lock: impl FnOnce() -> Result<G, PoisonError<G>>,
) -> Option<G> {
    if !is_forked {
        return Some(lock().unwrap_or_else(PoisonError::into_inner));
    }
    match try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// The method of a call.
#[derive(Debug)]
pub(crate) struct GrpcMethod {
    /// `package.Service/Method`, as it was asked for.
    asked: Box<str>,
    /// Of a server.
    known: Option<Arc<KnownMethods>>,
    is_known: bool,
}

impl GrpcMethod {
    /// A method that is called: whoever calls it has it from the service's definition.
    pub(super) fn called(path: &str) -> Self {
        Self { asked: name(path).into(), known: None, is_known: true }
    }

    /// A method that somebody asks a server for.
    pub(super) fn served(path: &str, known: &Arc<KnownMethods>) -> Self {
        let asked = name(path);
        let is_known = known.has(asked, is_forked_child());
        Self { asked: asked.into(), known: Some(known.clone()), is_known }
    }

    /// Takes the code of an answer, from its head or its trailers. Those that something in front of
    /// the methods gives, without asking whether there is such a method, say nothing.
    pub(crate) fn answered(&mut self, code: u16) {
        if only_a_method_answers(code) {
            self.implemented();
        }
    }

    /// Takes that there is such a method. It becomes known when it can be remembered.
    pub(crate) fn implemented(&mut self) {
        if let Some(known) = self.known.as_ref().filter(|_| !self.is_known) {
            self.is_known = known.add(&self.asked, is_forked_child());
        }
    }

    pub(crate) fn asked(&self) -> &str {
        &self.asked
    }

    /// What was asked for, when nobody knows whether it is a method: a path like any other, without its
    /// secrets and without what is too long for a method.
    pub(crate) fn shown(&self) -> Cow<'_, str> {
        let cut = |text: &str| {
            let mut ends = (0..=text.len().min(METHOD_BYTES_MAX)).rev();
            ends.find(|end| text.is_char_boundary(*end)).unwrap_or_default()
        };
        match redacted_path(&self.asked) {
            Cow::Borrowed(shown) => Cow::Borrowed(&shown[..cut(shown)]),
            Cow::Owned(mut shown) => {
                shown.truncate(cut(&shown));
                Cow::Owned(shown)
            }
        }
    }

    pub(crate) fn is_known(&self) -> bool {
        self.is_known
    }

    /// `rpc.method` as a label: never a name that only the caller knows.
    pub(crate) fn label(&self) -> &str {
        if self.is_known { &self.asked } else { OTHER }
    }
}

fn name(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_known_when_it_was_taken_in() {
        let known = Arc::new(KnownMethods::default());
        let long = format!("/{}", "m".repeat(METHOD_BYTES_MAX + 1));
        let serve = |path: &str| {
            let mut method = GrpcMethod::served(path, &known);
            method.implemented();
            method.is_known()
        };
        assert!(!serve(&long));
        for n in 0..KNOWN_MAX {
            assert!(serve(&format!("/s/{n}")));
        }
        assert!(!serve("/s/more"), "there is no room");
        assert!(serve("/s/0"), "it was there before");
    }

    #[test]
    fn what_nobody_knows_is_shown_without_its_secrets() {
        let table = [
            ("/test.Echo/Tell", "test.Echo/Tell"),
            ("/cb%3Ftoken%3Dhunter2/Tell", "[redacted]/Tell"),
            ("/s/4111%201111%201111%201111", "s/[redacted]"),
            ("/s/a;jsessionid=hunter2", "s/[redacted]"),
        ];
        let known = Arc::new(KnownMethods::default());
        for (path, shown) in table {
            assert_eq!(GrpcMethod::served(path, &known).shown(), shown);
        }
        for long in ["/".to_owned() + &"\u{e4}".repeat(METHOD_BYTES_MAX), "/%20a".repeat(9_000)] {
            let method = GrpcMethod::served(&long, &known);
            assert!((METHOD_BYTES_MAX - 1..=METHOD_BYTES_MAX).contains(&method.shown().len()));
        }
    }

    #[test]
    fn a_forked_child_does_not_wait_for_a_thread_it_does_not_have() {
        let known = KnownMethods::default();
        assert!(known.add("s/m", true) && known.has("s/m", true));
        let held = known.0.write().expect("nobody else has it");
        assert!(!known.has("s/m", true) && !known.add("s/n", true));
        drop(held);
        assert!(known.has("s/m", true) && !known.has("s/n", true));
    }
}
