//! `error.type`: a short list of classes, never the text of an error.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Write};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The class of an error.
pub(crate) type ErrorType = Cow<'static, str>;

/// Whoever waited went away: a client that disconnected, a future that was dropped.
pub(crate) const CANCELLED: ErrorType = Cow::Borrowed("cancelled");
/// The code that was called panicked.
pub(crate) const PANIC: ErrorType = Cow::Borrowed("panic");
/// An error whose class cannot be told; the name is the conventions'.
const OTHER: ErrorType = Cow::Borrowed("_OTHER");
const TIMEOUT: ErrorType = Cow::Borrowed("timeout");

/// Errors looked through for one that says more.
const CAUSES_MAX: usize = 16;
/// Bytes of a class name.
const CLASS_BYTES_MAX: usize = 64;

/// The class of what a service or a body failed with. An error is code of the application: where its
/// `Debug` or its `source` panics, its class cannot be told, and the request goes on.
pub(crate) fn of<E: 'static>(error: &E) -> ErrorType {
    catch_unwind(AssertUnwindSafe(|| class_of(error))).unwrap_or(OTHER)
}

fn class_of<E: 'static>(error: &E) -> ErrorType {
    let any: &dyn Any = error;
    if let Some(error) = any.downcast_ref::<Box<dyn Error + Send + Sync>>() {
        return of_error(&**error);
    }
    if let Some(error) = any.downcast_ref::<Box<dyn Error + Send>>() {
        return of_error(&**error);
    }
    if let Some(error) = any.downcast_ref::<io::Error>() {
        return of_error(error);
    }
    #[cfg(feature = "axum")]
    if let Some(error) = any.downcast_ref::<axum::Error>() {
        return of_error(error);
    }
    #[cfg(feature = "hyper-util")]
    if let Some(error) = any.downcast_ref::<hyper::Error>() {
        return of_error(error);
    }
    #[cfg(feature = "hyper-util")]
    if let Some(error) = any.downcast_ref::<hyper_util::client::legacy::Error>() {
        return of_error(error);
    }
    #[cfg(feature = "reqwest")]
    if let Some(error) = any.downcast_ref::<reqwest::Error>() {
        return of_error(error);
    }
    #[cfg(feature = "reqwest")]
    if let Some(error) = any.downcast_ref::<reqwest_middleware::Error>() {
        // It is transparent: its causes begin behind what it holds.
        return match error {
            reqwest_middleware::Error::Reqwest(error) => of_error(error),
            reqwest_middleware::Error::Middleware(error) => of_error(error.as_ref()),
        };
    }
    let path = std::any::type_name::<E>();
    let path = path.split('<').next().unwrap_or_default();
    match path.rsplit("::").next() {
        // Every crate has one of that name: it says nothing.
        None | Some("" | "Error" | "Box" | "&str" | "String") => OTHER,
        Some(class) => named(class),
    }
}

/// The class of an error whose type is not known here: the first among its causes that is known. Its
/// own name is none: only its text has it, and with it whatever else the application writes there.
fn of_error(error: &(dyn Error + 'static)) -> ErrorType {
    let mut next = Some(error);
    for _ in 0..CAUSES_MAX {
        let Some(error) = next else { break };
        if let Some(kind) = error.downcast_ref::<io::Error>().map(io::Error::kind)
            && kind != io::ErrorKind::Other
        {
            return of_kind(kind);
        }
        #[cfg(feature = "hyper-util")]
        if let Some(hyper) = error.downcast_ref::<hyper::Error>()
            && let Some(class) = of_hyper(hyper)
        {
            return class;
        }
        #[cfg(feature = "reqwest")]
        if error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout) {
            return TIMEOUT;
        }
        if is_elapsed(error) {
            return TIMEOUT;
        }
        next = error.source();
    }
    OTHER
}

#[cfg(feature = "hyper-util")]
fn of_hyper(error: &hyper::Error) -> Option<ErrorType> {
    let class = if error.is_timeout() {
        return Some(TIMEOUT);
    } else if error.is_incomplete_message() {
        "incomplete_message"
    } else if error.is_parse() {
        "malformed_message"
    } else if error.is_canceled() {
        "connection_closed"
    } else if error.is_body_write_aborted() {
        "body_write_aborted"
    } else {
        return None;
    };
    Some(Cow::Borrowed(class))
}

fn of_kind(kind: io::ErrorKind) -> ErrorType {
    use io::ErrorKind as Kind;
    Cow::Borrowed(match kind {
        Kind::TimedOut => return TIMEOUT,
        Kind::AddrInUse => "address_in_use",
        Kind::AddrNotAvailable => "address_not_available",
        Kind::BrokenPipe => "broken_pipe",
        Kind::ConnectionAborted => "connection_aborted",
        Kind::ConnectionRefused => "connection_refused",
        Kind::ConnectionReset => "connection_reset",
        Kind::HostUnreachable => "host_unreachable",
        Kind::InvalidData => "invalid_data",
        Kind::InvalidInput => "invalid_input",
        Kind::NetworkDown => "network_down",
        Kind::NetworkUnreachable => "network_unreachable",
        Kind::NotConnected => "not_connected",
        Kind::NotFound => "not_found",
        Kind::PermissionDenied => "permission_denied",
        Kind::UnexpectedEof => "unexpected_eof",
        _ => return OTHER,
    })
}

/// Whether it is the error of a timeout of tower or of tokio, which are no dependencies: both are
/// called so, and their `Debug` is nothing else.
fn is_elapsed(error: &dyn Error) -> bool {
    let mut head = Head(String::new());
    // Only the beginning is wanted: the writer stops the formatter, which is no error.
    let _stopped = write!(head, "{error:?}");
    matches!(head.0.as_str(), "Elapsed" | "Elapsed(())")
}

/// A class under the name the conventions have for it.
fn named(class: &str) -> ErrorType {
    match class {
        // Those of tower and of tokio.
        "Elapsed" => TIMEOUT,
        _ => Cow::Owned(class.chars().take(CLASS_BYTES_MAX).collect()),
    }
}

/// Takes the beginning of what is written.
struct Head(String);

impl Write for Head {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = (CLASS_BYTES_MAX + 2).saturating_sub(self.0.len());
        self.0.extend(text.chars().take(room));
        if text.len() < room { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct QuotaExceeded {
        #[expect(dead_code, reason = "is shown by Debug")]
        user: u64,
    }

    impl fmt::Display for QuotaExceeded {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("user 4711 has no quota left")
        }
    }

    impl Error for QuotaExceeded {}

    #[derive(Debug)]
    struct Outer(Box<dyn Error + Send + Sync>);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&*self.0)
        }
    }

    /// Its `Debug` is written by hand.
    struct Named(&'static str);

    impl fmt::Debug for Named {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl fmt::Display for Named {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("named")
        }
    }

    impl Error for Named {}

    type Boxed = Box<dyn Error + Send + Sync>;

    #[test]
    fn errors_have_a_class_and_no_text() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let table: Vec<(Boxed, &str)> = vec![
            (Box::new(QuotaExceeded { user: 4711 }), "_OTHER"),
            (Box::new(refused()), "connection_refused"),
            (Box::new(Outer(Box::new(refused()))), "connection_refused"),
            (Box::new(Outer(Box::new(QuotaExceeded { user: 1 }))), "_OTHER"),
            (Box::new(Named("User4711(locked)")), "_OTHER"),
            (Box::new(Named("User4711")), "_OTHER"),
            (Box::new(Named("Elapsed(())")), "timeout"),
            (Box::new(Outer(Box::new(Named("Elapsed(())")))), "timeout"),
            (Box::new(io::Error::other("user 4711")), "_OTHER"),
            ("no user 4711".into(), "_OTHER"),
            ("Word".into(), "_OTHER"),
            (Box::new(io::Error::from(io::ErrorKind::TimedOut)), "timeout"),
        ];
        for (error, expected) in table {
            assert_eq!(of(&error), expected, "{error:?}");
        }
        assert_eq!(of(&refused()), "connection_refused");
        assert_eq!(of(&QuotaExceeded { user: 1 }), "QuotaExceeded");
        assert_eq!(of(&fmt::Error), "_OTHER");
    }

    #[test]
    fn a_chain_without_an_end_is_left() {
        #[derive(Debug)]
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("again")
            }
        }
        impl Error for Endless {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&Endless)
            }
        }
        assert_eq!(of_error(&Endless), "_OTHER");
    }

    #[test]
    fn an_error_that_panics_has_no_class() {
        struct Panics {
            in_debug: bool,
        }
        impl fmt::Debug for Panics {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                assert!(!self.in_debug, "its Debug panics");
                f.write_str("Panics")
            }
        }
        impl fmt::Display for Panics {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("panics")
            }
        }
        impl Error for Panics {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                panic!("its source panics")
            }
        }
        for in_debug in [true, false] {
            let error: Boxed = Box::new(Panics { in_debug });
            assert_eq!(of(&error), "_OTHER");
        }
    }
}
