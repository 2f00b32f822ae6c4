//! Reads one service level objective.

use super::{alert::severity, query::comparison};
use crate::{
    fields::Fields,
    model::{BurnRate, Indicator, SloSpec},
};

/// One entry of `slos`.
pub(super) fn read(mut fields: Fields<'_, '_>) -> SloSpec {
    let id = fields.string("id");
    let id = fields.demand("id", id, "`\"id\": \"…\"`").unwrap_or_default();
    let description = fields.string("description");
    let description =
        fields.demand("description", description, "`\"description\"`: what is promised to whom");
    let owner = fields.string("owner");
    let objective = fields.number("objective");
    let objective = fields.demand("objective", objective, "`\"objective\": 0.99`");
    let window = fields.string("window");
    let window = fields.demand("window", window, "`\"window\": \"30d\"`");
    let read_indicator = fields.object("indicator", indicator);
    let read_indicator =
        fields.demand("indicator", read_indicator, "`\"indicator\"`: what counts as good");
    let read = SloSpec {
        id,
        description: description.unwrap_or_default(),
        owner,
        objective: objective.unwrap_or_default(),
        window: window.unwrap_or_default(),
        indicator: read_indicator.unwrap_or_default(),
        burn_rates: fields.objects("burn_rates", burn_rate),
    };
    fields.finish();
    read
}

fn indicator(mut fields: Fields<'_, '_>) -> Indicator {
    let read = Indicator {
        metric: fields.string("metric"),
        matchers: fields.matchers("where"),
        good: fields.matchers("good"),
        op: comparison(&mut fields),
        threshold: fields.number("threshold"),
        good_expr: fields.string("good_expr"),
        total_expr: fields.string("total_expr"),
        metrics: fields.strings("metrics").unwrap_or_default(),
    };
    fields.finish();
    read
}

fn burn_rate(mut fields: Fields<'_, '_>) -> BurnRate {
    let factor = fields.number("factor");
    let factor = fields.demand("factor", factor, "`\"factor\": 14.4`");
    let window = fields.string("window");
    let window = fields.demand("window", window, "`\"window\": \"1h\"`");
    let read = BurnRate {
        factor: factor.unwrap_or_default(),
        window: window.unwrap_or_default(),
        short_window: fields.string("short_window"),
        severity: severity(&mut fields),
    };
    fields.finish();
    read
}
