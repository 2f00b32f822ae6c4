//! Process metrics, under the names every Prometheus client uses.

use radiosonde_metrics::Metrics;

/// Adds them to every snapshot.
#[cfg(all(feature = "process", target_os = "linux"))]
pub(crate) fn install(metrics: &Metrics) {
    metrics.add_collector(Box::new(|snapshot| {
        // A system without /proc has no process metrics; nothing else suffers.
        let _ = linux::collect(snapshot);
    }));
}

#[cfg(not(all(feature = "process", target_os = "linux")))]
pub(crate) fn install(_metrics: &Metrics) {}

#[cfg(all(feature = "process", target_os = "linux"))]
mod linux {
    use procfs::process::{LimitValue, Process};
    use radiosonde_metrics::Snapshot;

    pub(super) fn collect(snapshot: &mut Snapshot) -> procfs::ProcResult<()> {
        let process = Process::myself()?;
        let stat = process.stat()?;
        let ticks = procfs::ticks_per_second() as f64;
        let cpu = (stat.utime + stat.stime) as f64 / ticks;
        snapshot.float_counter("process_cpu_seconds_total", &[], cpu);
        let resident = stat.rss as f64 * procfs::page_size() as f64;
        snapshot.gauge("process_resident_memory_bytes", &[], resident);
        snapshot.gauge("process_virtual_memory_bytes", &[], stat.vsize as f64);
        snapshot.gauge("process_threads", &[], stat.num_threads as f64);
        snapshot.gauge("process_open_fds", &[], process.fd_count()? as f64);
        if let LimitValue::Value(limit) = process.limits()?.max_open_files.soft_limit {
            snapshot.gauge("process_max_fds", &[], limit as f64);
        }
        let boot = procfs::boot_time_secs()? as f64;
        snapshot.gauge("process_start_time_seconds", &[], boot + stat.starttime as f64 / ticks);
        Ok(())
    }
}
