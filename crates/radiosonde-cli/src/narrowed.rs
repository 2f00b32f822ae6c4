//! What of a question came from the environment, where nobody sees it.

use std::cell::RefCell;

thread_local! {
    /// `RADIOSONDE_CLI_LEVEL=error`, for each option of the run that has its value from there.
    static VARIABLES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Begins a run of the command.
pub(crate) fn begin(variables: Vec<String>) {
    VARIABLES.replace(variables);
}

/// `RADIOSONDE_CLI_LEVEL=error and RADIOSONDE_CLI_JOB=x`. `None` where nothing is from the environment.
pub(crate) fn told() -> Option<String> {
    let narrows = |variable: &&String| !variable.starts_with(LIMIT);
    let told = VARIABLES.with_borrow(|variables| {
        variables.iter().filter(narrows).cloned().collect::<Vec<_>>().join(" and ")
    });
    (!told.is_empty()).then_some(told)
}

/// Says so below what would look like all there is: a story, or figures.
pub(crate) fn say() {
    if let Some(told) = told() {
        eprintln!("radiosonde: only what fits {told}, out of the environment");
    }
}

/// `RADIOSONDE_CLI_LIMIT=5`, where the limit is from there.
pub(crate) fn limit() -> Option<String> {
    let is_it = |variable: &&String| variable.starts_with(LIMIT);
    VARIABLES.with_borrow(|variables| variables.iter().find(is_it).cloned())
}

/// It leaves nothing out where there is nothing.
const LIMIT: &str = "RADIOSONDE_CLI_LIMIT=";
