//! Processes of a test: copies of its own program that it starts, forks, stops, signals and kills.
//! The only tests with `unsafe`, next to those of allocators: the system's calls for this need it.
#![allow(dead_code, reason = "each test program uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes, on any machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// In a process a test has started: the directory of the test.
const DIRECTORY: &str = "PROCESS_TEST_DIRECTORY";
/// What the process is to do there.
const PART: &str = "PROCESS_TEST_PART";

/// Directory and part of this process, when a test has started it.
pub(crate) fn part() -> Option<(PathBuf, String)> {
    Some((std::env::var_os(DIRECTORY)?.into(), std::env::var(PART).ok()?))
}

/// A process that runs the same test with a part of its own. Killed when it is dropped.
pub(crate) struct Helper {
    process: Child,
    /// Its end tells the process, and those it has forked, that the test is over.
    _stdin: Option<ChildStdin>,
}

impl Helper {
    pub(crate) fn start(test: &str, directory: &Path, part: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "--nocapture", "--test-threads=1", test]);
        command.env(DIRECTORY, directory).env(PART, part);
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut process = command.spawn().unwrap();
        let stdin = process.stdin.take();
        Self { process, _stdin: stdin }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.process.id() as i32
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    /// Kills it with SIGKILL, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Waits for an end of its own, which must be a good one.
    pub(crate) fn join(&mut self) {
        wait_until("a process ends", || self.has_ended());
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits for a condition that must come true.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Says something to the other processes of the test.
pub(crate) fn say(directory: &Path, name: &str, text: &str) {
    let draft = directory.join(format!("{name}.{}.draft", std::process::id()));
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(draft, directory.join(name)).unwrap();
}

/// Waits for what another process says.
pub(crate) fn hear(directory: &Path, name: &str) -> String {
    wait_until(name, || directory.join(name).exists());
    std::fs::read_to_string(directory.join(name)).unwrap()
}

/// Waits for the test to end, or to be killed by it.
pub(crate) fn wait_for_the_end() {
    let _ = std::io::Read::read(&mut std::io::stdin(), &mut [0]);
}

/// Has a process killed when the thread that starts it ends, also when the test itself is killed.
#[cfg(target_os = "linux")]
pub(crate) fn dies_with_this_thread(command: &mut Command) -> &mut Command {
    use std::os::unix::process::CommandExt as _;
    let bind = || {
        // SAFETY: no memory is involved; the call is safe between fork and exec.
        match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: the closure makes one system call and allocates nothing.
    unsafe { command.pre_exec(bind) }
}

/// Forks; `child` runs in the child, which ends with it. The child's process id.
pub(crate) fn fork(child: impl FnOnce()) -> i32 {
    // SAFETY: the child runs on one thread, the one that called; what it does besides is what is
    // being tested, and it does not return to the test's own code.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "no fork");
    if pid == 0 {
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
        std::process::exit(i32::from(ended.is_err()));
    }
    pid
}

/// Waits for a forked child to end. Whether it ended well.
pub(crate) fn wait_for(pid: i32) -> bool {
    let mut status = 0;
    wait_until("a forked child ends", || {
        // SAFETY: the status is a valid place to write to.
        unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) == pid }
    });
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
}

/// Whether a process is there, and not only its exit status.
pub(crate) fn is_alive(pid: i32) -> bool {
    state(pid).is_some_and(|state| state != 'Z')
}

/// The letter of a process's state, as `ps` shows it.
pub(crate) fn state(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Sends a signal.
pub(crate) fn signal(pid: i32, signal: i32) {
    // SAFETY: no memory is involved.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0, "signal {signal} to {pid}");
}

/// Calls `handler` on whichever thread gets the signal, in the middle of what it does.
pub(crate) fn handle(signal: i32, handler: extern "C" fn(i32)) {
    // SAFETY: an all-zero action is a valid one; the handler stays for the life of the process.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        assert_eq!(libc::sigaction(signal, &raw const action, std::ptr::null_mut()), 0);
    }
}

/// This thread, for signals to it alone.
#[derive(Clone, Copy)]
pub(crate) struct ThreadId(libc::pthread_t);

impl ThreadId {
    pub(crate) fn own() -> Self {
        // SAFETY: no memory is involved.
        Self(unsafe { libc::pthread_self() })
    }

    /// Sends a signal to the thread, which must not have been joined.
    pub(crate) fn signal(self, signal: i32) {
        // SAFETY: the caller promises that the thread is there.
        assert_eq!(unsafe { libc::pthread_kill(self.0, signal) }, 0);
    }
}
