//! Locks that a forked child does not wait for: who holds one may be a thread it does not have.

use std::sync::{
    Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError,
};

use crate::is_forked_child;

/// `None` only in a forked child, where somebody holds it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    if is_forked_child() {
        return had(mutex.try_lock());
    }
    Some(mutex.lock().unwrap_or_else(PoisonError::into_inner))
}

/// As [`lock`].
pub(super) fn read<T>(lock: &RwLock<T>) -> Option<RwLockReadGuard<'_, T>> {
    if is_forked_child() {
        return had(lock.try_read());
    }
    Some(lock.read().unwrap_or_else(PoisonError::into_inner))
}

/// As [`lock`].
pub(super) fn write<T>(lock: &RwLock<T>) -> Option<RwLockWriteGuard<'_, T>> {
    if is_forked_child() {
        return had(lock.try_write());
    }
    Some(lock.write().unwrap_or_else(PoisonError::into_inner))
}

fn had<G>(tried: Result<G, TryLockError<G>>) -> Option<G> {
    match tried {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forked_child_waits_for_nobody() {
        crate::reseed_after_fork();
        let (mutex, shared) = (Mutex::new(1), RwLock::new(1));
        let holders = (lock(&mutex), write(&shared));
        assert!(holders.0.is_some() && holders.1.is_some(), "free ones are to be had");
        assert!(lock(&mutex).is_none() && read(&shared).is_none() && write(&shared).is_none());
        drop(holders);
        assert_eq!(read(&shared).as_deref(), Some(&1));
    }
}
