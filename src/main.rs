//! The `orc` binary: hands the command line to [`orc::cli`] and its exit code to the shell.

use std::process::ExitCode;

fn main() -> ExitCode {
    orc::cli::main(std::env::args_os(), std::env::vars_os())
}
