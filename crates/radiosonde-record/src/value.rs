//! Field values, and how Rust types become them.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::{base64, marked};

/// The value of a field. Numbers stay numbers all the way to the line.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Nothing: JSON `null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A signed integer.
    I64(i64),
    /// An unsigned integer.
    U64(u64),
    /// A floating point number; NaN and infinities become strings in the line.
    F64(f64),
    /// Text.
    Str(&'a str),
    /// Bytes: base64 in a line, `bytes_value` over OTLP. As a message, or a name, they are text, with
    /// U+FFFD for what is not UTF-8.
    Bytes(&'a [u8]),
    /// Whatever its `Display` writes.
    Display(&'a dyn fmt::Display),
    /// Whatever its `Debug` writes.
    Debug(&'a dyn fmt::Debug),
    /// Finished JSON. Only for radiosonde's own crates: it reaches the line unchecked.
    #[doc(hidden)]
    Json(&'a str),
    /// The same with texts in it that stand for what JSON has no form for: see [`marked`](crate::marked).
    #[doc(hidden)]
    Marked(&'a str),
}

/// What can stand on the right of `key = value` in `event!`: numbers, truth values, text, bytes, and
/// options, references and boxes of them. Other types go by `key = %value` or `key = ?value`.
///
/// Sealed: it is asked while the record is written, where no code of an application may run.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the value of a field as it is",
    label = "write `%value` for its `Display`, or `?value` for its `Debug`"
)]
pub trait ToValue: sealed::Sealed {
    /// The value.
    fn to_value(&self) -> Value<'_>;
}

mod sealed {
    use std::borrow::Cow;
    use std::sync::Arc;

    /// Keeps `ToValue` to the types of this module.
    pub trait Sealed {}

    macro_rules! sealed {
        ($($type:ty),+) => { $(impl Sealed for $type {})+ };
    }

    sealed!(bool, i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, usize, isize, u128, i128);
    sealed!(str, String, Cow<'_, str>, [u8], Vec<u8>, super::Value<'_>);

    impl<const N: usize> Sealed for [u8; N] {}

    impl<T: Sealed + ?Sized> Sealed for &T {}
    impl<T: Sealed + ?Sized> Sealed for Box<T> {}
    impl<T: Sealed + ?Sized> Sealed for Arc<T> {}
    impl<T: Sealed> Sealed for Option<T> {}
}

macro_rules! to_value {
    ($($variant:ident as $wide:ty: $($narrow:ty),+;)+) => {
        $($(impl ToValue for $narrow {
            #[inline]
            fn to_value(&self) -> Value<'_> {
                Value::$variant(<$wide>::from(*self))
            }
        })+)+
    };
}

to_value! {
    Bool as bool: bool;
    I64 as i64: i8, i16, i32, i64;
    U64 as u64: u8, u16, u32, u64;
    F64 as f64: f32, f64;
}

impl ToValue for usize {
    #[inline]
    fn to_value(&self) -> Value<'_> {
        Value::U64(*self as u64)
    }
}

impl ToValue for isize {
    #[inline]
    fn to_value(&self) -> Value<'_> {
        Value::I64(*self as i64)
    }
}

impl ToValue for u128 {
    #[inline]
    fn to_value(&self) -> Value<'_> {
        u64::try_from(*self).map_or(Value::Display(self), Value::U64)
    }
}

impl ToValue for i128 {
    #[inline]
    fn to_value(&self) -> Value<'_> {
        i64::try_from(*self).map_or(Value::Display(self), Value::I64)
    }
}

impl ToValue for str {
    #[inline]
    fn to_value(&self) -> Value<'_> {
        Value::Str(self)
    }
}

impl ToValue for String {
    #[inline]
    fn to_value(&self) -> Value<'_> {
        Value::Str(self)
    }
}

impl ToValue for Cow<'_, str> {
    #[inline]
    fn to_value(&self) -> Value<'_> {
        Value::Str(self)
    }
}

impl ToValue for [u8] {
    #[inline]
    fn to_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl ToValue for Vec<u8> {
    #[inline]
    fn to_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl<const N: usize> ToValue for [u8; N] {
    #[inline]
    fn to_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl ToValue for Value<'_> {
    #[inline]
    fn to_value(&self) -> Value<'_> {
        *self
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    #[inline]
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl<T: ToValue + ?Sized> ToValue for Box<T> {
    #[inline]
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl<T: ToValue + ?Sized> ToValue for Arc<T> {
    #[inline]
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl<T: ToValue> ToValue for Option<T> {
    #[inline]
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, T::to_value)
    }
}

impl<'a, T: ToValue + ?Sized> From<&'a T> for Value<'a> {
    fn from(value: &'a T) -> Self {
        value.to_value()
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::I64(value) => value.fmt(f),
            Self::U64(value) => value.fmt(f),
            Self::F64(value) => value.fmt(f),
            Self::Str(value) => value.fmt(f),
            Self::Bytes(value) => base64::encoded(value).fmt(f),
            Self::Display(value) => write!(f, "{value}"),
            Self::Debug(value) => value.fmt(f),
            Self::Json(value) => f.write_str(value),
            Self::Marked(value) => f.write_str(&marked::shown(value)),
        }
    }
}
