//! Analytics over the sessions of agents: facts, tools, tokens, links.

radiosonde::catalog!("session-analytics/registry.json");

/// Writes every metric the program and its jobs write, once.
pub fn write_every_metric_once() {
    ingestion();
    tools_and_tokens();
    sessions_and_links();
}

fn ingestion() {
    use catalog::{ErrorCode, EventType, Mode, Parser, Result};

    let mode = Mode::Incremental;
    catalog::session_ingestions_total(mode, Result::Success).increment(1);
    catalog::telemetry_events_ingested_total(EventType::ToolCall).increment(250);
    catalog::session_ingestion_duration_seconds(mode).record(0.018);
    catalog::session_ingestion_lag_seconds().set(2.0);
    catalog::sessions_pending().set(1.0);
    catalog::session_parser_failures_total(Parser::SessionLog, ErrorCode::Schema).increment(1);
    catalog::telemetry_backfill_sessions_remaining().set(300.0);
}

fn tools_and_tokens() {
    use catalog::{Direction, ToolStatus};

    let tool = catalog::Tool::new("bash");
    catalog::tool_calls_total(&tool, ToolStatus::Success).increment(1);
    catalog::tool_call_duration_seconds(&tool, ToolStatus::Success).record(0.8);
    catalog::tool_call_retries_total(&tool).increment(1);
    let model = catalog::Model::new("a-model-4");
    catalog::tokens_total(&model, Direction::Output).increment(1_200);
    catalog::model_cost_microdollars_total(&model, Direction::Output).increment(18_000);
    catalog::session_cost_usd().record(0.42);
}

fn sessions_and_links() {
    use catalog::LinkKind;

    catalog::link_confidence_ratio(LinkKind::Commit).record(0.85);
    catalog::links_unresolved(LinkKind::Task).set(3.0);
    catalog::links_ambiguous(LinkKind::Feature).set(1.0);
    catalog::session_thread_fanout().record(4.0);
    catalog::session_thread_depth().record(2.0);
    catalog::session_duration_seconds().record(1_900.0);
}
