//! What carries a context: maps and lists of strings, HTTP headers, the environment of a command.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use super::{Extract, Inject};

impl<S: BuildHasher> Extract for HashMap<String, String, S> {
    fn each(&self, name: &str, value: &mut dyn FnMut(&[u8])) {
        each_of(self.iter(), name, value);
    }
}

impl<S: BuildHasher> Inject for HashMap<String, String, S> {
    fn set(&mut self, name: &str, value: &str) {
        Inject::remove(self, name);
        self.insert(name.to_owned(), value.to_owned());
    }

    fn remove(&mut self, name: &str) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
    }
}

impl Extract for BTreeMap<String, String> {
    fn each(&self, name: &str, value: &mut dyn FnMut(&[u8])) {
        each_of(self.iter(), name, value);
    }
}

impl Inject for BTreeMap<String, String> {
    fn set(&mut self, name: &str, value: &str) {
        Inject::remove(self, name);
        self.insert(name.to_owned(), value.to_owned());
    }

    fn remove(&mut self, name: &str) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
    }
}

impl Extract for Vec<(String, String)> {
    fn each(&self, name: &str, value: &mut dyn FnMut(&[u8])) {
        self.as_slice().each(name, value);
    }
}

impl Inject for Vec<(String, String)> {
    fn set(&mut self, name: &str, value: &str) {
        Inject::remove(self, name);
        self.push((name.to_owned(), value.to_owned()));
    }

    fn remove(&mut self, name: &str) {
        self.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> Extract for [(N, V)] {
    fn each(&self, name: &str, value: &mut dyn FnMut(&[u8])) {
        each_of(self.iter().map(|(name, value)| (name, value)), name, value);
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>, const LENGTH: usize> Extract for [(N, V); LENGTH] {
    fn each(&self, name: &str, value: &mut dyn FnMut(&[u8])) {
        self.as_slice().each(name, value);
    }
}

impl<E: Extract + ?Sized> Extract for &E {
    fn each(&self, name: &str, value: &mut dyn FnMut(&[u8])) {
        (**self).each(name, value);
    }
}

impl<I: Inject + ?Sized> Inject for &mut I {
    fn set(&mut self, name: &str, value: &str) {
        (**self).set(name, value);
    }

    fn remove(&mut self, name: &str) {
        (**self).remove(name);
    }
}

#[cfg(feature = "http")]
impl Extract for http::HeaderMap {
    fn each(&self, name: &str, value: &mut dyn FnMut(&[u8])) {
        let mut each = |found: &http::HeaderValue| value(found.as_bytes());
        match HEADERS.iter().find(|known| known.as_str() == name) {
            Some(known) => self.get_all(known).iter().for_each(&mut each),
            None => self.get_all(name).iter().for_each(&mut each),
        }
    }
}

/// What every request is asked for: a name that is known need not be looked at again.
#[cfg(feature = "http")]
static HEADERS: [http::HeaderName; 3] = [
    http::HeaderName::from_static("traceparent"),
    http::HeaderName::from_static("tracestate"),
    http::HeaderName::from_static("baggage"),
];

#[cfg(feature = "http")]
impl Inject for http::HeaderMap {
    fn set(&mut self, name: &str, value: &str) {
        let name = http::HeaderName::from_bytes(name.as_bytes());
        // Names are ours and values visible ASCII, so neither is refused.
        if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_str(value)) {
            self.insert(name, value);
        }
    }

    fn remove(&mut self, name: &str) {
        http::HeaderMap::remove(self, name);
    }
}

fn each_of<N: AsRef<str>, V: AsRef<[u8]>>(
    pairs: impl Iterator<Item = (N, V)>,
    name: &str,
    value: &mut dyn FnMut(&[u8]),
) {
    for (key, found) in pairs {
        if key.as_ref().eq_ignore_ascii_case(name) {
            value(found.as_ref());
        }
    }
}
