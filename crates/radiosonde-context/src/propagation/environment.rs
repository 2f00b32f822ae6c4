//! The environment as a carrier: what a parent process says to its child.
//!
//! A variable has the name of the header, in upper case and with `_` for `-`: `TRACEPARENT`,
//! `TRACESTATE`, `BAGGAGE`, `X_B3_TRACEID`.

use std::ffi::OsString;
use std::process::Command;
use std::sync::Mutex;

use super::{Extract, Inject, Propagators, locks};
use crate::Context;

/// Gives a child process the current context, in its environment; variables of a context that this
/// process was started with itself are taken out of it.
///
/// ```no_run
/// use std::process::Command;
///
/// use radiosonde_context::{propagation, scope};
///
/// scope().job("job-7").run(|| {
///     let mut importer = Command::new("importer");
///     propagation::command(&mut importer).arg("--all").status()
/// })?;
/// // In the importer: `Context::from_env()`.
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// For `tokio::process::Command` call it with `as_std_mut()`.
pub fn command(command: &mut Command) -> &mut Command {
    super::inject(&Context::current(), command);
    command
}

impl Inject for Command {
    fn set(&mut self, name: &str, value: &str) {
        self.env(variable(name), value);
    }

    fn remove(&mut self, name: &str) {
        self.env_remove(variable(name));
    }
}

/// The environment of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Environment;

impl Extract for Environment {
    fn each(&self, name: &str, value: &mut dyn FnMut(&[u8])) {
        // An empty variable is one that is not set.
        if let Some(found) = std::env::var_os(variable(name)).filter(|found| !found.is_empty()) {
            value(&bytes(found));
        }
    }
}

impl Context {
    /// The context this process was started with, by whoever called
    /// [`propagation::command`](command) or set `TRACEPARENT`, `TRACESTATE` and `BAGGAGE`; empty
    /// without them.
    ///
    /// The environment is read at the first call, and again at the first one after other propagators
    /// were set; what cannot be read is ignored and counted. The context is current nowhere until it
    /// is attached. It takes the place of what is there: do it in `main`, before there is a job, or
    /// keep what the code around knows with [`Context::over`].
    ///
    /// ```
    /// use radiosonde_context::Context;
    ///
    /// let _attached = Context::from_env().attach();
    /// // Inside of a job or a span:
    /// let _attached = Context::from_env().over(&Context::current()).attach();
    /// ```
    pub fn from_env() -> Self {
        static OF_PROCESS: Mutex<Option<(Propagators, Context)>> = Mutex::new(None);
        let propagators = Propagators::of_process();
        let mut known = locks::lock(&OF_PROCESS);
        if let Some((read_by, context)) = known.as_deref().and_then(Option::as_ref)
            && *read_by == propagators
        {
            return context.clone();
        }
        let context = propagators.extract(&Environment);
        if let Some(known) = &mut known {
            **known = Some((propagators, context.clone()));
        }
        context
    }
}

fn variable(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

/// What is no UTF-8 is refused by whoever parses it.
fn bytes(value: OsString) -> Vec<u8> {
    value.into_encoded_bytes()
}
