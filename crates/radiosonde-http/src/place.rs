//! Where a request goes, as a label says it: a route, a host, a method of gRPC.

use std::borrow::Cow;
use std::sync::Arc;

/// A route template, such as `/users/{id}`.
///
/// What asks for it never has to be bounded in number, but what it answers has: a path is no route.
/// A handler, or a router that is inside of the layer, can say it too, with a `Route` in the
/// extensions of its response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route(pub(crate) Place);

impl Route {
    /// A route whose template is a constant of the program.
    pub const fn new(template: &'static str) -> Self {
        Self(Place::Text(Cow::Borrowed(template)))
    }

    /// The template.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl From<Arc<str>> for Route {
    fn from(template: Arc<str>) -> Self {
        Self(Place::Shared(template))
    }
}

impl From<String> for Route {
    fn from(template: String) -> Self {
        Self(Place::Text(Cow::Owned(template)))
    }
}

impl From<&'static str> for Route {
    fn from(template: &'static str) -> Self {
        Self::new(template)
    }
}

/// A text that is handed on without copying it, where that can be had.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Text(Cow<'static, str>),
    Shared(Arc<str>),
    #[cfg(feature = "axum")]
    Matched(axum::extract::MatchedPath),
}

impl Place {
    pub(crate) const NONE: Self = Self::Text(Cow::Borrowed(""));

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Shared(text) => text,
            #[cfg(feature = "axum")]
            Self::Matched(path) => path.as_str(),
        }
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Place {}
