//! The `orc` binary: hands the command line to [`orc::cli`] and its exit code to the shell.

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    orc::cli::main(std::env::args_os(), std::env::vars_os())
}
