//! A limit on the size of files must not kill the application: past it the kernel sends SIGXFSZ,
//! which ends a process that knows nothing of it. With the signal blocked, the write fails instead.

/// Runs `f`, whose writes past the limit of the process fail with an error. The signal is taken
/// back before the thread's mask is what it was.
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) fn without_size_signal<R>(f: impl FnOnce() -> R) -> R {
    use std::mem::MaybeUninit;
    use std::ptr;

    /// Restores the mask also when `f` panics.
    struct Restore {
        signal: libc::sigset_t,
        before: libc::sigset_t,
    }
    impl Drop for Restore {
        fn drop(&mut self) {
            let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: both sets were filled in below; the calls read them and touch this thread.
            unsafe {
                if libc::sigismember(&self.before, libc::SIGXFSZ) == 0 {
                    libc::sigtimedwait(&self.signal, ptr::null_mut(), &at_once);
                }
                libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, ptr::null_mut());
            }
        }
    }
    let mut signal = MaybeUninit::uninit();
    let mut before = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` and `pthread_sigmask` fill the sets in before they are read.
    let _restore = unsafe {
        libc::sigemptyset(signal.as_mut_ptr());
        libc::sigaddset(signal.as_mut_ptr(), libc::SIGXFSZ);
        let signal = signal.assume_init();
        libc::sigemptyset(before.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, &signal, before.as_mut_ptr());
        Restore { signal, before: before.assume_init() }
    };
    f()
}

#[cfg(not(all(target_os = "linux", not(miri))))]
pub(crate) fn without_size_signal<R>(f: impl FnOnce() -> R) -> R {
    f()
}
