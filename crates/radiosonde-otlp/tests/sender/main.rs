//! The sender against a real receiver, over the loopback.

mod answers;
mod common;
mod faults;
mod held;
mod life;
mod proxies;
mod quiet;
mod tls;
