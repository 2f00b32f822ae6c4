//! What can be seen of machine and process: of what cannot, nothing is said.

use std::path::Path;

use radiosonde_metrics::Snapshot;
use serde_json::{Value, json};

use super::of;

/// One look.
#[derive(Debug, Default)]
pub(super) struct Machine {
    /// Free bytes of the disk of the telemetry directory, for who is not the superuser.
    disk_free_bytes: Option<u64>,
    /// Mean number of threads that want a processor, over 1, 5 and 15 minutes.
    load: Option<[f64; 3]>,
    memory_available_bytes: Option<u64>,
    memory_bytes: Option<u64>,
    /// Seconds since the machine was started.
    uptime_s: Option<f64>,
    process: Option<Process>,
}

#[derive(Debug)]
struct Process {
    cpu_s: f64,
    resident_bytes: u64,
    threads: u64,
    open_fds: u64,
}

impl Machine {
    /// Looks, without ever waiting for more than the kernel.
    pub(super) fn look(root: Option<&Path>) -> Self {
        let disk = root.and_then(|root| rustix::fs::statvfs(root).ok());
        let disk_free_bytes = disk.map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        Self { disk_free_bytes, ..kernel::look() }
    }

    /// The gauges; those of the process are among the process metrics already.
    pub(super) fn collect(&self, snapshot: &mut Snapshot) {
        let whole = |number: u64| number as f64;
        let gauges = [
            ("radiosonde_directory_free_bytes", self.disk_free_bytes.map(whole)),
            ("system_cpu_load_average_1m", self.load.map(|[one, ..]| one)),
            ("system_linux_memory_available_bytes", self.memory_available_bytes.map(whole)),
            ("system_memory_limit_bytes", self.memory_bytes.map(whole)),
            ("system_uptime_seconds", self.uptime_s),
        ];
        for (name, value) in gauges {
            if let Some(value) = value {
                snapshot.gauge(name, &[], value);
            }
        }
    }

    /// For people.
    pub(super) fn words(&self) -> Vec<String> {
        let load = self.load.map(|[one, ..]| format!("load {one:.2}"));
        let memory = self.memory_available_bytes.map(|bytes| of(bytes, "memory available"));
        let disk = self.disk_free_bytes.map(|bytes| of(bytes, "disk free"));
        [load, memory, disk].into_iter().flatten().collect()
    }

    /// For programs.
    pub(super) fn meta(&self) -> Vec<(&'static str, Value)> {
        let mut meta = Vec::new();
        let mut add = |key, value: Option<Value>| meta.extend(value.map(|value| (key, value)));
        let process = self.process.as_ref();
        add("cpu_s", process.map(|it| json!(it.cpu_s)));
        add("resident_bytes", process.map(|it| json!(it.resident_bytes)));
        add("threads", process.map(|it| json!(it.threads)));
        add("open_fds", process.map(|it| json!(it.open_fds)));
        add("load", self.load.map(|load| json!(load)));
        add("memory_bytes", self.memory_bytes.map(|bytes| json!(bytes)));
        add("memory_available_bytes", self.memory_available_bytes.map(|bytes| json!(bytes)));
        add("disk_free_bytes", self.disk_free_bytes.map(|bytes| json!(bytes)));
        add("machine_uptime_s", self.uptime_s.map(|seconds| json!(seconds as u64)));
        meta
    }
}

#[cfg(not(all(feature = "process", target_os = "linux")))]
mod kernel {
    /// Nothing is known.
    pub(super) fn look() -> super::Machine {
        super::Machine::default()
    }
}

#[cfg(all(feature = "process", target_os = "linux"))]
mod kernel {
    use super::{Machine, Process};
    use procfs::{Current as _, LoadAverage, Meminfo, ProcResult, Uptime};

    pub(super) fn look() -> Machine {
        let memory = Meminfo::current().ok();
        // Three figures of two digits: as a float of twice the size they would get more.
        let exact = |load: f32| (f64::from(load) * 100.0).round() / 100.0;
        let load = LoadAverage::current().ok();
        Machine {
            disk_free_bytes: None,
            load: load.map(|load| [load.one, load.five, load.fifteen].map(exact)),
            memory_available_bytes: memory.as_ref().and_then(|memory| memory.mem_available),
            memory_bytes: memory.map(|memory| memory.mem_total),
            uptime_s: Uptime::current().ok().map(|uptime| uptime.uptime),
            process: process().ok(),
        }
    }

    fn process() -> ProcResult<Process> {
        let process = procfs::process::Process::myself()?;
        let stat = process.stat()?;
        Ok(Process {
            cpu_s: (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64,
            resident_bytes: stat.rss * procfs::page_size(),
            threads: u64::try_from(stat.num_threads).unwrap_or_default(),
            open_fds: process.fd_count()? as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_left_out_everywhere() {
        let machine = Machine::default();
        assert!(machine.words().is_empty() && machine.meta().is_empty());
        let mut snapshot = Snapshot::default();
        machine.collect(&mut snapshot);
        assert!(snapshot.families.is_empty());
    }

    #[test]
    fn what_is_known_is_said_to_people_programs_and_metrics() {
        let machine = Machine {
            disk_free_bytes: Some(20 << 30),
            load: Some([0.42, 0.5, 0.6]),
            memory_available_bytes: Some(5 << 30),
            ..Machine::default()
        };
        let words = ["load 0.42", "5.0 GiB of memory available", "20 GiB of disk free"];
        assert_eq!(machine.words(), words);
        let keys: Vec<_> = machine.meta().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["load", "memory_available_bytes", "disk_free_bytes"]);
        let mut snapshot = Snapshot::default();
        machine.collect(&mut snapshot);
        let names: Vec<_> = snapshot.families.iter().map(|family| &*family.name).collect();
        let expected = [
            "radiosonde_directory_free_bytes",
            "system_cpu_load_average_1m",
            "system_linux_memory_available_bytes",
        ];
        assert_eq!(names, expected);
    }

    #[cfg(all(feature = "process", target_os = "linux"))]
    #[test]
    fn this_machine_can_be_looked_at() {
        let machine = Machine::look(Some(Path::new("/")));
        assert!(machine.memory_available_bytes <= machine.memory_bytes);
        assert!(machine.process.is_some_and(|it| it.threads > 0 && it.resident_bytes > 0));
        assert!(machine.load.is_some() && machine.disk_free_bytes.is_some());
    }
}
