//! The command line of `doctor`.

use std::path::PathBuf;

use clap::Args;

use super::Show;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Telemetry directory; repeat for several
    ///
    /// Default: where the other commands look.
    #[arg(long, value_name = "DIR", help_heading = "Where")]
    pub(crate) dir: Vec<PathBuf>,
    /// Connects to nobody: whether receivers of OTLP answer is not looked at
    #[arg(long, help_heading = "What")]
    pub(crate) offline: bool,
    #[command(flatten)]
    pub(crate) show: Show,
}

pub(super) const HELP: &str =
    "Looks at what a program would find that starts here, with this environment: what each
variable that is set does, the telemetry directory and its disk, rings, the slots of running and
dead processes, what waits to be sent, whether receivers of OTLP answer (an empty request, by the
client that sends), and the clock. What the code of a program sets is not known here. Values that
may be secrets are not shown.

Exit status: 0 nothing fails, 1 something does, 2 usage, or a directory that does not exist.

Examples:
  radiosonde doctor                                as the programs of this shell
  radiosonde doctor --dir /var/lib/svc/telemetry   another directory
  sudo -u svc env -i $(systemctl show svc -p Environment --value) \\
    radiosonde doctor                              as a service of systemd
  radiosonde doctor -o json | jq 'select(.state == \"fail\")'";
