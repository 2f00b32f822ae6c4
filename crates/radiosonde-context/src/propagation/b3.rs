//! B3, the headers of Zipkin, single and multiple.

use super::{Extract, Inject};
use crate::Context;

pub(super) fn extract(context: Context, _from: &impl Extract) -> Context {
    context
}

pub(super) fn inject_single(_context: &Context, _into: &mut impl Inject) {}

pub(super) fn inject_multi(_context: &Context, _into: &mut impl Inject) {}
