//! Labels whose values are texts, as types: for peers that want one of their own for each set.

use crate::metrics::values::Pair;
use prometheus_client::encoding::EncodeLabelSet;
use serde::Serialize;

/// The labels of the calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet, Serialize)]
pub(super) struct Call {
    provider: String,
    model: String,
}

impl From<&Pair> for Call {
    #[inline]
    fn from(pair: &Pair) -> Self {
        Call { provider: pair.provider.clone(), model: pair.model.clone() }
    }
}

/// The labels of the many series.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet, Serialize)]
pub(super) struct Job {
    provider: String,
    model: String,
    outcome: String,
}

impl From<&[String; 3]> for Job {
    #[inline]
    fn from(labels: &[String; 3]) -> Self {
        let [provider, model, outcome] = labels.clone();
        Job { provider, model, outcome }
    }
}
