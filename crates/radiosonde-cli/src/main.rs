//! The `radiosonde` command.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    radiosonde_cli::main()
}
