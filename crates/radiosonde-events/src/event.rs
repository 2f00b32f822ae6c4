//! The macro `event!`.

/// Records a business event.
///
/// ```
/// use radiosonde_events::event;
///
/// struct Order {
///     id: u64,
///     cents: u64,
/// }
/// let order = Order { id: 17, cents: 1999 };
/// let (attempts, error) = (3, std::fmt::Error);
///
/// event!("shop.opened");
/// event!("order.paid", order.id, amount_cents = order.cents, "order {} paid", order.id);
/// event!("order.failed", level: error, source: "billing", error = %error, attempts);
/// event!("http.request", "user-agent" = "curl/8", http.status = 200);
/// event!("cache.miss", level: debug, target: "shop::cache", ratelimit: 10, key = ?("a", 1));
/// ```
///
/// # Grammar
///
/// ```text
/// event!(NAME [, OPTION]… [, FIELD]… [, MESSAGE [, ARGUMENT]…])
/// ```
///
/// | part | written as | means |
/// |---|---|---|
/// | name | `"order.paid"` | a literal of `[A-Za-z0-9._:-]`, 1 to 128 characters: `evt` in the line |
/// | option | `level: error` | `trace`, `debug`, `info` (default), `warning` (or `warn`), `error` or `critical` |
/// | | `target: "shop::cache"` | what the filter looks at; default: the module path |
/// | | `source: "billing"` | `source` in the line; default: the target |
/// | | `ratelimit: 10` | most events a second from here; a lower configured limit wins |
/// | field | `key = value` | numbers, booleans, strings, `Option`s: they keep their JSON type; bytes (`&[u8]`, `Vec<u8>`) are base64 |
/// | | `key = %value` | by `Display` |
/// | | `key = ?value` | by `Debug` |
/// | | `value`, `%value`, `?value` | the same, named after the variable; `order.id` works too |
/// | | `"any-key" = value` | a key that is no identifier; `http.status = value` needs no quotes |
/// | message | `"paid {}", order` | as for `format!`: `msg` in the line |
///
/// Options come in any order. `target:` and `source:` are constants; `ratelimit:` is any `u32`,
/// asked for each time. Everything written here is described once per process and call site: a
/// record names its call site by number and holds only the values.
///
/// A hundred fields fit. The compiler stops at its recursion limit soon after; a program that needs
/// more raises it with `#![recursion_limit = "256"]`. An event keeps 254: further ones are left out,
/// and the line says `"truncated":true`.
///
/// The event goes to the journal of the process (`init!`), when its level and target pass the
/// filter and its limits. Where no filter of the process lets the level through, and without a
/// journal, the macro costs a load and a branch, and neither values nor message are evaluated.
///
/// # Mistakes
///
/// A name with other characters, a level that does not exist, an unknown option, and an option
/// behind a field do not compile; the message says what to write:
///
/// ```compile_fail
/// radiosonde_events::event!("order.paid", levle: error, "paid");
/// ```
#[macro_export]
macro_rules! event {
    ($name:literal) => {
        $crate::event!($name,)
    };
    ($name:literal, $($rest:tt)*) => {
        $crate::__event!(@options ($name) (info) (module_path!()) () () $($rest)*)
    };
    ($($other:tt)*) => {
        compile_error!(
            "an event begins with its name, a literal such as \"order.paid\"; for a name that is \
             known at run time only there is log_event"
        )
    };
}

/// The parser behind `event!`: options, then fields, then the message. Its state is name, level,
/// target, source or nothing, and limit or nothing.
#[doc(hidden)]
#[macro_export]
macro_rules! __event {
    // Options: each replaces its default.
    (@options $n:tt $l:tt $t:tt $s:tt $r:tt level: $level:ident $(, $($rest:tt)*)?) => {
        $crate::__event!(@options $n ($level) $t $s $r $($($rest)*)?)
    };
    (@options $n:tt $l:tt $t:tt $s:tt $r:tt level: $($rest:tt)*) => {
        compile_error!(
            "`level:` takes one of the words trace, debug, info, warn (or warning), error and \
             critical; for a level that is known at run time only there is log_event"
        )
    };
    (@options $n:tt $l:tt $t:tt $s:tt $r:tt target: $target:expr $(, $($rest:tt)*)?) => {
        $crate::__event!(@options $n $l ($target) $s $r $($($rest)*)?)
    };
    (@options $n:tt $l:tt $t:tt $s:tt $r:tt source: $source:expr $(, $($rest:tt)*)?) => {
        $crate::__event!(@options $n $l $t ($source) $r $($($rest)*)?)
    };
    (@options $n:tt $l:tt $t:tt $s:tt $r:tt ratelimit: $rate:expr $(, $($rest:tt)*)?) => {
        $crate::__event!(@options $n $l $t $s ($rate) $($($rest)*)?)
    };
    (@options $n:tt $l:tt $t:tt $s:tt $r:tt $option:ident : $($rest:tt)*) => {
        compile_error!(concat!(
            "unknown option `", stringify!($option),
            ":`; options are level:, target:, source: and ratelimit:, and a field is written `",
            stringify!($option), " = value`"
        ))
    };
    (@options $n:tt $l:tt $t:tt $s:tt $r:tt $($rest:tt)*) => {
        $crate::__event!(@fields ($n $l $t $s $r) [] $($rest)*)
    };

    // Fields.
    (@fields $o:tt [$($f:tt)*] $($k:ident).+ = %$v:expr $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $o
            [$($f)* (stringify!($($k).+), &$crate::__private::Value::Display(&$v))]
            $($($rest)*)?)
    };
    (@fields $o:tt [$($f:tt)*] $($k:ident).+ = ?$v:expr $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $o
            [$($f)* (stringify!($($k).+), &$crate::__private::Value::Debug(&$v))]
            $($($rest)*)?)
    };
    (@fields $o:tt [$($f:tt)*] $($k:ident).+ = $v:expr $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $o
            [$($f)* (stringify!($($k).+), &$v)]
            $($($rest)*)?)
    };
    (@fields $o:tt [$($f:tt)*] $k:literal = %$v:expr $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $o
            [$($f)* ($k, &$crate::__private::Value::Display(&$v))]
            $($($rest)*)?)
    };
    (@fields $o:tt [$($f:tt)*] $k:literal = ?$v:expr $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $o
            [$($f)* ($k, &$crate::__private::Value::Debug(&$v))]
            $($($rest)*)?)
    };
    (@fields $o:tt [$($f:tt)*] $k:literal = $v:expr $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $o
            [$($f)* ($k, &$v)]
            $($($rest)*)?)
    };
    (@fields $o:tt [$($f:tt)*] %$($k:ident).+ $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $o
            [$($f)* (stringify!($($k).+), &$crate::__private::Value::Display(&$($k).+))]
            $($($rest)*)?)
    };
    (@fields $o:tt [$($f:tt)*] ?$($k:ident).+ $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $o
            [$($f)* (stringify!($($k).+), &$crate::__private::Value::Debug(&$($k).+))]
            $($($rest)*)?)
    };
    (@fields $o:tt [$($f:tt)*] $($k:ident).+ $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $o
            [$($f)* (stringify!($($k).+), &$($k).+)]
            $($($rest)*)?)
    };
    (@fields $o:tt $f:tt $option:ident : $($rest:tt)*) => {
        compile_error!(concat!(
            "`", stringify!($option), ":` stands behind a field; options come first, right behind \
             the name, and a field is written `", stringify!($option), " = value`"
        ))
    };

    // The message, or none.
    (@fields $o:tt $f:tt $message:literal $($arguments:tt)*) => {
        $crate::__event!(@emit $o $f ($message) ($($arguments)*))
    };
    (@fields $o:tt $f:tt) => {
        $crate::__event!(@emit $o $f ("") ())
    };
    (@fields $o:tt $f:tt $($rest:tt)+) => {
        compile_error!(concat!(
            "expected a field (`key = value`, `key = %value`, `key = ?value`, or a variable alone) \
             or the message, a literal, and found `", stringify!($($rest)+), "`"
        ))
    };

    // Items are not hygienic: their names must not meet those in the caller's expressions.
    (@emit
        (($n:expr) ($l:ident) ($t:expr) $s:tt $r:tt) [$(($k:expr, $v:expr))*]
        ($m:literal) ($($a:tt)*)
    ) => {{
        const _: () = assert!(
            $crate::__private::is_event_name($n),
            "an event's name has 1 to 128 characters of A-Z a-z 0-9 . _ : -"
        );
        static __RADIOSONDE_SITE: $crate::__private::EventSite =
            $crate::__private::EventSite::new($crate::__private::CallsiteText {
                name: $n,
                target: $t,
                source: $crate::__event!(@source ($t) $s),
                file: file!(),
                line: line!(),
                level: $crate::__event!(@level $l),
                keys: &[$($k),*],
                message: $crate::__private::constant_message($m),
            });
        if $crate::__private::is_enabled(&__RADIOSONDE_SITE, || $crate::__event!(@rate $r)) {
            match &$crate::__event!(@list $($v,)*) {
                __radiosonde_fields => {
                    if const { $crate::__private::constant_message($m).is_some() } {
                        $crate::__private::emit(
                            &__RADIOSONDE_SITE, __radiosonde_fields, ::core::option::Option::None,
                        );
                    } else {
                        $crate::__private::emit(
                            &__RADIOSONDE_SITE, __radiosonde_fields,
                            ::core::option::Option::Some(&format_args!($m $($a)*)),
                        );
                    }
                }
            }
        }
    }};

    // Eight at a time: each step counts towards the compiler's limit on recursion.
    (@list) => { () };
    (@list $a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $f:expr, $g:expr, $h:expr, $($rest:tt)*) => {
        ($a, ($b, ($c, ($d, ($e, ($f, ($g, ($h, $crate::__event!(@list $($rest)*)))))))))
    };
    (@list $first:expr, $($rest:tt)*) => { ($first, $crate::__event!(@list $($rest)*)) };

    (@source ($t:expr) ()) => { $t };
    (@source ($t:expr) ($s:expr)) => { $s };

    (@rate ()) => { ::core::option::Option::None };
    (@rate ($r:expr)) => { ::core::option::Option::Some($r) };

    (@level trace) => { $crate::__private::Level::Trace };
    (@level debug) => { $crate::__private::Level::Debug };
    (@level info) => { $crate::__private::Level::Info };
    (@level warn) => { $crate::__private::Level::Warning };
    (@level warning) => { $crate::__private::Level::Warning };
    (@level error) => { $crate::__private::Level::Error };
    (@level critical) => { $crate::__private::Level::Critical };
    (@level $other:ident) => {
        compile_error!(concat!(
            "unknown level `", stringify!($other),
            "`; use trace, debug, info, warn (or warning), error or critical"
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
