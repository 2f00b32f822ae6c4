//! A pipeline that translates texts by models behind OpenRouter.

radiosonde::catalog!("translation-pipeline/registry.json");

/// Writes every metric the program and its jobs write, once.
pub fn write_every_metric_once() {
    use catalog::{Code, Component, Result, Status};

    let model = catalog::Model::new("deepseek/deepseek-v3.2-exp");
    let part = Component::TranslationService;
    catalog::openrouter_errors_total(Status::_429, Code::RateLimited, part, &model).increment(1);
    catalog::translations_total(part).increment(1);
    catalog::pipeline_runs_total(Result::Success).increment(1);
    catalog::queue_pending_jobs().set(12.0);
    catalog::daily_cost_usd(&model).set(0.75);
    catalog::translation_latency_seconds().record(4.2);
    catalog::openrouter_call_latency_seconds().record(1.3);
}
