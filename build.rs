//! Rebuilds when a migration is added: the macro that embeds them watches only those it has seen.

#[expect(clippy::print_stdout, reason = "how a build script speaks with cargo")]
fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
