//! The command on a terminal of some width.

use std::fs::File;
use std::io::Read as _;
use std::process::Command;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// What the command prints where its output is a terminal of `columns`.
pub(crate) fn run(command: Command, columns: u16) -> String {
    run_on(command, columns, false)
}

/// The same, where what it says on stderr goes to the terminal as well.
pub(crate) fn run_all(command: Command, columns: u16) -> String {
    run_on(command, columns, true)
}

fn run_on(mut command: Command, columns: u16, with_stderr: bool) -> String {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&ours, size).unwrap();
    let its = File::options().read(true).write(true).open(name).unwrap();
    if with_stderr {
        let _ = command.stderr(its.try_clone().unwrap());
    }
    let mut child = command.stdout(its).spawn().unwrap();
    // The other end is closed when nobody holds it, and this command would.
    drop(command);
    let mut printed = Vec::new();
    // The end of a terminal is an error; what came before it is kept.
    let _ = File::from(ours).read_to_end(&mut printed);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    String::from_utf8(printed).unwrap().replace("\r\n", "\n")
}
