//! The `orc` binary: hands the command line to [`orc`] and its exit code to the shell.

fn main() {}
