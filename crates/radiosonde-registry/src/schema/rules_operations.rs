//! What the types cannot say: about alerts, dashboards, objectives and reports.

use serde_json::{Value, json};

use super::patterns::{
    ADDRESS, CHANNEL, CRON, DURATION, DURATION_OR_START, INSIDE, MAIL, METRIC, SAID, SERIES, SLUG,
    TIME, VALUES, VARIABLE, ZONE,
};

/// Keywords by definition.
pub(super) fn table() -> Value {
    let mut table = alert();
    for more in [alert_parts(), dashboard(), slo(), report()] {
        if let (Value::Object(table), Value::Object(more)) = (&mut table, more) {
            table.extend(more);
        }
    }
    table
}

/// `then` where a key has one of these values.
fn when(key: &str, values: &[&str], then: &Value) -> Value {
    let condition = json!({"properties": {key: {"enum": values}}, "required": [key]});
    json!({"if": condition, "then": then})
}

/// `then` where a key is there and has none of these values.
fn unless(key: &str, values: &[&str], then: &Value) -> Value {
    let condition = json!({"properties": {key: {"not": {"enum": values}}}, "required": [key]});
    json!({"if": condition, "then": then})
}

fn said() -> Value {
    json!({"pattern": SAID})
}

fn duration(example: &str) -> Value {
    json!({"pattern": DURATION, "examples": [example]})
}

fn slug(length: usize) -> Value {
    json!({"pattern": SLUG, "maxLength": length})
}

/// A question has one of two forms, and the keys of the other form stay away.
fn query_properties() -> Value {
    json!({
        "metric": {"pattern": METRIC},
        "by": {"uniqueItems": true},
        "window": duration("5m"),
        "expr": {"pattern": SAID, "examples": ["sum(rate(runs_total[5m]))"]},
    })
}

fn query_forms() -> Value {
    json!([{"required": ["metric"]}, {"required": ["expr"]}])
}

/// What is not to stand beside `expr`.
fn beside_expr() -> Value {
    json!({
        "metric": false,
        "aggregation": false,
        "by": {"maxItems": 0},
        "where": {"maxProperties": 0},
        "window": false,
    })
}

fn alert() -> Value {
    let mut properties = query_properties();
    let mut beside_expr = beside_expr();
    if let (Value::Object(properties), Value::Object(beside)) = (&mut properties, &mut beside_expr)
    {
        let own = json!({
            "id": slug(64),
            "summary": said(),
            "description": said(),
            "group": said(),
            "for": duration("10m"),
            "keep_firing_for": duration("5m"),
        });
        properties.extend(own.as_object().cloned().unwrap_or_default());
        for key in ["op", "threshold"] {
            let _new = beside.insert(key.to_owned(), json!(false));
        }
    }
    json!({
        "AlertSpec": {
            "required": ["id", "summary", "severity"],
            "properties": properties,
            "anyOf": query_forms(),
            "dependencies": {
                "metric": {"required": ["op", "threshold"], "properties": {"metrics": {"maxItems": 0}}},
                "expr": {"properties": beside_expr},
            },
            "allOf": [when("severity", &["critical"], &json!({"required": ["runbook"]}))],
        },
        "NamedQuery": {
            "properties": query_properties().as_object().cloned().map(|mut properties| {
                let _new = properties.insert("title".to_owned(), said());
                properties
            }),
            "anyOf": query_forms(),
            "dependencies": {
                "metric": {"properties": {"metrics": {"maxItems": 0}}},
                "expr": {"properties": self::beside_expr()},
            },
        },
    })
}

fn alert_parts() -> Value {
    let to = |pattern: &str| json!({"properties": {"to": {"pattern": pattern}}});
    json!({
        "Runbook": {
            "required": ["checks"],
            "properties": {
                "checks": {"minItems": 1, "items": said()},
                "rollback": {"items": said()},
                "communication": {"items": said()},
            },
        },
        "Destination": {
            "required": ["kind", "to"],
            "properties": {"to": said()},
            "allOf": [
                when("kind", &["slack"], &to(CHANNEL)),
                when("kind", &["email"], &to(MAIL)),
                when("kind", &["discord", "webhook"], &to(VARIABLE)),
                when("kind", &["file"], &to(INSIDE)),
            ],
        },
        "Escalation": {
            "anyOf": [{"required": ["alert"]}, {"required": ["owner"]}],
            "dependencies": {"owner": ["after"], "after": ["owner"]},
            "properties": {"after": duration("30m")},
        },
        "Suppression": {"properties": {"rearm": duration("30m"), "digest": duration("4h")}},
        "AlertTest": {
            "required": ["name", "at", "fires"],
            "properties": {
                "name": said(),
                "interval": {"pattern": DURATION, "default": "1m"},
                "at": {"pattern": DURATION_OR_START, "examples": ["10m"]},
            },
        },
        "TestSeries": {
            "required": ["series", "values"],
            "properties": {
                "series": {"pattern": SERIES, "examples": ["runs_total{outcome=\"failure\"}"]},
                "values": {"pattern": VALUES, "examples": ["0+10x30"]},
            },
        },
        "Replay": {"properties": {
            "days": {"minimum": 1, "maximum": 366, "default": 14},
            "soak": duration("48h"),
            "max_noise": {"minimum": 0, "maximum": 1, "default": 0.05},
        }},
    })
}

fn dashboard() -> Value {
    let without = |key: &str, none: Value| json!({"properties": {key: none}});
    let no_queries = without("queries", json!({"maxItems": 0}));
    json!({
        "DashboardSpec": {
            "required": ["uid", "title", "panels"],
            "properties": {
                "uid": slug(40),
                "title": said(),
                "description": said(),
                "folder": said(),
                "persona": said(),
                "availability": said(),
                "version": {"minimum": 1},
                "refresh": duration("1m"),
                "columns": {"minimum": 1, "maximum": 24},
                "filters": {"uniqueItems": true, "examples": [["environment", "time_range"]]},
                "panels": {"minItems": 1},
            },
        },
        "PanelSpec": {
            "required": ["title", "kind"],
            "properties": {
                "title": said(),
                "description": said(),
                "text": said(),
                "unit": said(),
                "row": said(),
                "width": {"minimum": 1, "maximum": 24},
                "height": {"minimum": 1, "maximum": 40},
            },
            "allOf": [
                when("kind", &["text"], &json!({"required": ["text"]})),
                when("kind", &["alert_list", "text"], &no_queries),
                unless("kind", &["alert_list", "text"], &json!({
                    "required": ["queries"],
                    "properties": {"queries": {"minItems": 1}},
                })),
                unless("kind", &["text"], &without("text", json!(false))),
                unless("kind", &["alert_list"], &without("alerts", json!({"maxItems": 0}))),
                unless("kind", &["timeseries"], &without("area", json!({"const": false}))),
                unless(
                    "kind",
                    &["timeseries", "barchart"],
                    &without("stacked", json!({"const": false})),
                ),
                unless("kind", &["table"], &without("export_csv", json!({"const": false}))),
            ],
        },
        "Threshold": {"required": ["level"]},
        "Link": {
            "required": ["title"],
            "oneOf": [{"required": ["url"]}, {"required": ["dashboard"]}, {"required": ["report"]}],
            "properties": {"title": said(), "url": {"pattern": ADDRESS}},
        },
    })
}

fn slo() -> Value {
    json!({
        "SloSpec": {
            "required": ["id", "description", "objective", "window", "indicator"],
            "properties": {
                "id": slug(64),
                "description": said(),
                "objective": {"exclusiveMinimum": 0, "exclusiveMaximum": 1, "examples": [0.999]},
                "window": duration("30d"),
            },
        },
        "Indicator": {
            "anyOf": [{"required": ["metric"]}, {"required": ["good_expr", "total_expr"]}],
            "dependencies": {
                "metric": {"properties": {
                    "good_expr": false,
                    "total_expr": false,
                    "metrics": {"maxItems": 0},
                }},
                "good_expr": {"properties": {
                    "where": {"maxProperties": 0},
                    "good": {"maxProperties": 0},
                    "op": false,
                    "threshold": false,
                }},
                "op": ["threshold"],
                "threshold": ["op"],
            },
            "properties": {
                "metric": {"pattern": METRIC},
                "good_expr": said(),
                "total_expr": said(),
            },
        },
        "BurnRate": {
            "required": ["factor", "window", "severity"],
            "properties": {
                "factor": {"exclusiveMinimum": 0, "examples": [14.4]},
                "window": duration("1h"),
                "short_window": duration("5m"),
            },
        },
    })
}

fn report() -> Value {
    let without = |key: &str| json!({"properties": {key: {"maxItems": 0}}});
    let weekly = ["weekly", "biweekly"];
    let querying = ["metrics", "projection", "variance"];
    json!({
        "ReportSpec": {
            "required": ["id", "title", "sections"],
            "properties": {
                "id": slug(64),
                "title": said(),
                "description": said(),
                "formats": {"uniqueItems": true},
                "sections": {"minItems": 1},
                "max_age": {"pattern": DURATION, "default": "2h"},
            },
        },
        "Schedule": {
            "oneOf": [{"required": ["every"]}, {"required": ["cron"]}],
            "dependencies": {
                "every": {"required": ["time"]},
                "cron": {"properties": {"time": false, "weekday": false}},
            },
            "allOf": [
                when("every", &weekly, &json!({"required": ["weekday"]})),
                when("every", &["daily", "monthly"], &json!({"properties": {"weekday": false}})),
            ],
            "properties": {
                "time": {"pattern": TIME, "examples": ["09:45"]},
                "cron": {"pattern": CRON, "examples": ["45 9 * * 1-5"]},
                "timezone": {"pattern": ZONE, "default": "UTC", "examples": ["America/Los_Angeles"]},
            },
        },
        "ReportSection": {
            "required": ["title", "kind"],
            "properties": {"title": said(), "text": said()},
            "allOf": [
                when("kind", &["text"], &json!({"required": ["text"]})),
                when("kind", &["metrics", "projection"], &json!({
                    "required": ["queries"],
                    "properties": {"queries": {"minItems": 1}},
                })),
                when("kind", &["dashboard"], &json!({"required": ["dashboard"]})),
                unless("kind", &querying, &without("queries")),
                unless("kind", &["dashboard"], &json!({"properties": {"dashboard": false}})),
                unless("kind", &["active_alerts", "alert_review"], &without("alerts")),
                unless("kind", &["slos"], &without("slos")),
            ],
        },
    })
}
