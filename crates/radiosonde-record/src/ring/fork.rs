//! What a forked child must not do: record into its parent's rings, and keep its parent's locks.
//!
//! A page that the kernel wipes in children tells the two apart at the price of a load. A handler
//! of `pthread_atfork` points the descriptors of locks elsewhere in the child: a lock of `flock`
//! belongs to the open file, and a child that outlives its parent would keep the dead parent's slot
//! from being recovered.

use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, Ordering};

/// Locks a process holds: of slots and of instances, for a few telemetries at a time.
const LOCKS_MAX: usize = 64;

/// Descriptors to be replaced in a child, -1 where there is none.
static LOCKS: [AtomicI32; LOCKS_MAX] = [const { AtomicI32::new(-1) }; LOCKS_MAX];
/// Something harmless to point them to.
static NOWHERE: OnceLock<std::fs::File> = OnceLock::new();
/// 1 in the process that asked first, 0 in its children. Never null, so that nobody has to look.
static PAGE: AtomicPtr<AtomicU64> = AtomicPtr::new((&raw const UNPREPARED).cast_mut());
/// Until there is a page: nobody records yet.
static UNPREPARED: AtomicU64 = AtomicU64::new(1);
/// What other crates want to do in a child: see [`on_fork_child`].
static HOOK: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Whether this process is a fork of the one that opened the journal.
#[inline(always)]
pub(crate) fn is_forked_child() -> bool {
    let page = PAGE.load(Ordering::Relaxed);
    // SAFETY: it points to a static, and then to a page that is never unmapped.
    unsafe { (*page).load(Ordering::Relaxed) == 0 }
}

/// Calls `hook` in every child this process forks, before anything else runs there; the last hook
/// stays. It must be safe in a signal handler: atomics only.
pub fn on_fork_child(hook: fn()) {
    HOOK.store(hook as *mut (), Ordering::Release);
    prepare();
}

/// Has the child of a fork give this lock up. Undone by dropping what is returned.
pub(crate) fn release_in_child(lock: &std::fs::File) -> InChild {
    prepare();
    let descriptor = lock.as_raw_fd();
    let free = LOCKS.iter().position(|cell| {
        cell.compare_exchange(-1, descriptor, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    });
    InChild(free)
}

/// See [`release_in_child`].
#[derive(Debug)]
pub(crate) struct InChild(Option<usize>);

impl Drop for InChild {
    fn drop(&mut self) {
        if let Some(place) = self.0 {
            LOCKS[place].store(-1, Ordering::Release);
        }
    }
}

/// Makes page and handler, once.
pub(super) fn prepare() {
    static PREPARED: OnceLock<()> = OnceLock::new();
    PREPARED.get_or_init(|| {
        if let Ok(file) = std::fs::OpenOptions::new().read(true).open("/dev/null") {
            let _set_here_only = NOWHERE.set(file);
        }
        PAGE.store(page(), Ordering::Release);
        #[cfg(not(miri))]
        // SAFETY: the handler only uses atomics and `dup3`, which are safe after a fork.
        unsafe {
            libc::pthread_atfork(None, None, Some(in_child));
        }
    });
}

#[cfg(all(target_os = "linux", not(miri)))]
fn page() -> *mut AtomicU64 {
    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
    const SIZE: usize = 4096;
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping, at a place of the kernel's choice; advice and unmapping are of it.
    unsafe {
        let Ok(page) = mmap_anonymous(ptr::null_mut(), SIZE, protection, MapFlags::PRIVATE) else {
            return Box::into_raw(Box::new(AtomicU64::new(1)));
        };
        if madvise(page, SIZE, Advice::LinuxWipeOnFork).is_err() {
            // Before Linux 4.14: the handler below does what the page would.
            let _ = munmap(page, SIZE);
            return Box::into_raw(Box::new(AtomicU64::new(1)));
        }
        let page = page.cast::<AtomicU64>();
        (*page).store(1, Ordering::Release);
        page
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn page() -> *mut AtomicU64 {
    Box::into_raw(Box::new(AtomicU64::new(1)))
}

/// In the child, on its only thread.
#[cfg_attr(miri, allow(dead_code))]
extern "C" fn in_child() {
    let page = PAGE.load(Ordering::Relaxed);
    // SAFETY: as in `is_forked_child`.
    unsafe { (*page).store(0, Ordering::Release) };
    if let Some(nowhere) = NOWHERE.get() {
        for cell in &LOCKS {
            let descriptor = cell.load(Ordering::Acquire);
            if descriptor >= 0 {
                replace(nowhere, descriptor);
            }
        }
    }
    let hook = HOOK.load(Ordering::Acquire);
    if !hook.is_null() {
        // SAFETY: only ever set from a `fn()`.
        let hook = unsafe { std::mem::transmute::<*mut (), fn()>(hook) };
        hook();
    }
}

/// Points `descriptor` to another file: what it was open on is closed in this process, and the
/// number stays taken, so that whoever closes it later closes nothing else.
fn replace(with: &std::fs::File, descriptor: i32) {
    // SAFETY: open: who registered it takes it out before closing it. Not dropped, hence not
    // closed at the end of this call.
    let owned = unsafe { OwnedFd::from_raw_fd(descriptor) };
    let mut owned = ManuallyDrop::new(owned);
    let _ = rustix::io::dup3(with, &mut owned, rustix::io::DupFlags::CLOEXEC);
}
