//! The macro `event!`.

/// Records a business event.
///
/// ```
/// # use radiosonde_events::event;
/// # let (attempts, error, order) = (3, std::fmt::Error, 17);
/// event!("order.paid", order, amount_cents = 1999, "order {order} paid");
/// event!("order.failed", level: error, source: "billing", error = %error, attempts);
/// event!("cache.miss", level: debug, ratelimit: 10, key = ?("a", 1), "miss");
/// ```
///
/// The name comes first: `[A-Za-z0-9._:-]`, at most 128 characters, checked by the compiler.
/// Options, on request and in any order, come next:
///
/// - `level:` one of `trace debug info warning error critical`; default `info`.
/// - `source:` a string constant; default the module path.
/// - `ratelimit:` most events a second from this call site; what is held back is counted.
///
/// Then fields, `key = value` with numbers, booleans, strings and options of them (they keep their
/// JSON type), `key = %value` by `Display`, `key = ?value` by `Debug`, or a variable alone. Last an
/// optional message with the arguments of `format!`.
///
/// The event goes to the journal of the process (`init!`), at the filter's level; without one the
/// macro costs a load and a branch, and the values are not evaluated.
#[macro_export]
macro_rules! event {
    ($name:literal) => {
        $crate::event!($name,)
    };
    ($name:literal, $($rest:tt)*) => {
        $crate::__event!(@options ($name) (info) (module_path!()) () $($rest)*)
    };
}

/// The parser behind `event!`: options, then fields, then the message.
#[doc(hidden)]
#[macro_export]
macro_rules! __event {
    // Options: each replaces its default.
    (@options ($n:expr) ($l:ident) ($s:expr) ($($r:tt)*) level: $level:ident $(, $($rest:tt)*)?) => {
        $crate::__event!(@options ($n) ($level) ($s) ($($r)*) $($($rest)*)?)
    };
    (@options ($n:expr) ($l:ident) ($s:expr) ($($r:tt)*) source: $source:expr $(, $($rest:tt)*)?) => {
        $crate::__event!(@options ($n) ($l) ($source) ($($r)*) $($($rest)*)?)
    };
    (@options ($n:expr) ($l:ident) ($s:expr) ($($r:tt)*) ratelimit: $rate:expr $(, $($rest:tt)*)?) => {
        $crate::__event!(@options ($n) ($l) ($s) ($rate) $($($rest)*)?)
    };
    (@options ($n:expr) ($l:ident) ($s:expr) ($($r:tt)*) $($rest:tt)*) => {
        $crate::__event!(@fields ($n) ($l) ($s) ($($r)*) [] $($rest)*)
    };

    // Fields.
    (@fields $n:tt $l:tt $s:tt $r:tt [$($f:tt)*] $($k:ident).+ = %$v:expr $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $n $l $s $r
            [$($f)* (stringify!($($k).+), $crate::__private::Value::Display(&$v))]
            $($($rest)*)?)
    };
    (@fields $n:tt $l:tt $s:tt $r:tt [$($f:tt)*] $($k:ident).+ = ?$v:expr $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $n $l $s $r
            [$($f)* (stringify!($($k).+), $crate::__private::Value::Debug(&$v))]
            $($($rest)*)?)
    };
    (@fields $n:tt $l:tt $s:tt $r:tt [$($f:tt)*] $($k:ident).+ = $v:expr $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $n $l $s $r
            [$($f)* (stringify!($($k).+), $crate::__private::ToValue::to_value(&$v))]
            $($($rest)*)?)
    };
    (@fields $n:tt $l:tt $s:tt $r:tt [$($f:tt)*] %$k:ident $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $n $l $s $r
            [$($f)* (stringify!($k), $crate::__private::Value::Display(&$k))]
            $($($rest)*)?)
    };
    (@fields $n:tt $l:tt $s:tt $r:tt [$($f:tt)*] ?$k:ident $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $n $l $s $r
            [$($f)* (stringify!($k), $crate::__private::Value::Debug(&$k))]
            $($($rest)*)?)
    };
    (@fields $n:tt $l:tt $s:tt $r:tt [$($f:tt)*] $k:ident $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $n $l $s $r
            [$($f)* (stringify!($k), $crate::__private::ToValue::to_value(&$k))]
            $($($rest)*)?)
    };

    // The message, or none.
    (@fields $n:tt $l:tt $s:tt $r:tt $f:tt $message:literal $($arguments:tt)*) => {
        $crate::__event!(@emit $n $l $s $r $f (format_args!($message $($arguments)*)))
    };
    (@fields $n:tt $l:tt $s:tt $r:tt $f:tt) => {
        $crate::__event!(@emit $n $l $s $r $f (format_args!("")))
    };

    // Items are not hygienic: their names must not meet those in the caller's expressions.
    (@emit ($n:expr) ($l:ident) ($s:expr) ($($r:expr)?) [$(($k:expr, $v:expr))*] ($m:expr)) => {{
        const _: () = assert!(
            $crate::__private::is_event_name($n),
            "an event's name has 1 to 128 characters of A-Z a-z 0-9 . _ : -"
        );
        static __RADIOSONDE_CALLSITE: $crate::__private::Callsite = $crate::__private::Callsite {
            name: $n,
            target: $s,
            file: file!(),
            line: line!(),
            keys: &[$($k),*],
        };
        const __RADIOSONDE_LEVEL: $crate::__private::Level = $crate::__event!(@level $l);
        if $crate::__private::is_enabled(&__RADIOSONDE_CALLSITE, __RADIOSONDE_LEVEL)
            $(&& {
                static __RADIOSONDE_RATE: $crate::__private::RateLimit =
                    $crate::__private::RateLimit::new();
                $crate::__private::passes(&__RADIOSONDE_RATE, $r, __RADIOSONDE_LEVEL)
            })?
        {
            $crate::__private::emit(&__RADIOSONDE_CALLSITE, __RADIOSONDE_LEVEL, &[$($v),*], $m);
        }
    }};

    (@level trace) => { $crate::__private::Level::Trace };
    (@level debug) => { $crate::__private::Level::Debug };
    (@level info) => { $crate::__private::Level::Info };
    (@level warning) => { $crate::__private::Level::Warning };
    (@level error) => { $crate::__private::Level::Error };
    (@level critical) => { $crate::__private::Level::Critical };
    (@level $other:ident) => {
        compile_error!(concat!(
            "unknown level `", stringify!($other),
            "`; use trace, debug, info, warning, error or critical"
        ))
    };
}

/// Whether this can be an event's name. `event!` asks at compile time.
#[must_use]
pub const fn is_event_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        if !byte.is_ascii_alphanumeric() && !matches!(byte, b'.' | b'_' | b':' | b'-') {
            return false;
        }
        at += 1;
    }
    !bytes.is_empty() && bytes.len() <= 128
}
