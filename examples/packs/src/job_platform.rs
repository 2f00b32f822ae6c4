//! A platform that runs jobs on many machines.

radiosonde::catalog!("job-platform/registry.json");

/// Writes every metric the program and its jobs write, once.
pub fn write_every_metric_once() {
    jobs();
    machines();
    telemetry();
}

fn jobs() {
    use catalog::{Action, Outcome, Queue, Reason};

    // The kind of job; which job it was stands on events and spans.
    let kind = catalog::JobType::new("render");
    catalog::job_submissions_total(&kind).increment(1);
    catalog::job_runs_total(&kind, Outcome::Success).increment(1);
    catalog::job_duration_seconds(&kind, Outcome::Success).record(12.0);
    catalog::job_wait_seconds(Queue::High).record(0.2);
    catalog::job_retries_total(&kind, Reason::LeaseLost).increment(1);
    catalog::queue_depth(Queue::High).set(7.0);
    catalog::queue_oldest_job_seconds(Queue::High).set(3.0);
    catalog::jobs_running(&kind).set(4.0);
    catalog::user_actions_total(Action::Submit).increment(1);
}

fn machines() {
    use catalog::{Reason, State};

    catalog::machine_status(State::Ready).set(1.0);
    catalog::machine_cpu_utilization_ratio().set(0.4);
    catalog::machine_memory_utilization_ratio().set(0.6);
    catalog::machine_disk_free_bytes().set(2e11);
    catalog::machine_gpu_utilization_ratio().set(0.9);
    catalog::workers(State::Busy).set(4.0);
    catalog::worker_restarts_total(Reason::OutOfMemory).increment(1);
    catalog::worker_heartbeat_age_seconds().set(1.5);
}

fn telemetry() {
    use catalog::{Severity, Signal};

    catalog::telemetry_call_seconds(Signal::Events).record(0.000_000_06);
    catalog::telemetry_cost_usd().set(0.000_7);
    catalog::services_expected().set(9.0);
    catalog::services_reporting().set(9.0);
    catalog::incident_debug_seconds(Severity::Critical).record(240.0);
}
