//! What this process has used of the machine.

use rustix::time::{ClockId, clock_gettime};

/// Processor time of all threads of this process so far, in seconds.
pub(crate) fn cpu_s() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Memory of this process that is resident now, in bytes; 0 where it cannot be found out.
pub(crate) fn resident_bytes() -> u64 {
    status("VmRSS:")
}

/// The most that was resident since the start, in bytes; 0 where it cannot be found out.
pub(crate) fn resident_max_bytes() -> u64 {
    status("VmHWM:")
}

/// The most that was resident of another process so far, in bytes; 0 when it has ended, and where it cannot
/// be found out.
pub(crate) fn resident_max_bytes_of(process: u32) -> u64 {
    status_of(&process.to_string(), "VmHWM:")
}

fn status(key: &str) -> u64 {
    status_of("self", key)
}

fn status_of(process: &str, key: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_and_memory_show() {
        let before = cpu_s();
        let block = vec![1_u8; 64 << 20];
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        assert_eq!(sum, 64 << 20);
        assert!(cpu_s() > before);
        if cfg!(target_os = "linux") {
            assert!(resident_max_bytes() >= 64 << 20);
            // Looked at first: other tests of this process take memory meanwhile.
            let now = resident_bytes();
            assert!(resident_max_bytes() >= now);
        }
    }
}
