//! Temporary.
use orc::roles::{run, Role};
use orc::settings::{Settings, flags::ServerFlags};
fn main() {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(std::env::var("ORC_LOG").unwrap_or("info".into())).init();
    let s = Settings::load(&ServerFlags::default(), std::env::vars_os(), std::path::Path::new(".env")).unwrap();
    let rt = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let role = match std::env::args().nth(1).as_deref() { Some("manager") => Role::Manager, Some("worker") => Role::Worker{manager: std::env::args().nth(2).unwrap()}, _ => Role::AllInOne };
    let r = rt.block_on(run(s, role));
    rt.shutdown_timeout(std::time::Duration::from_secs(1));
    if let Err(e) = r { eprintln!("{e}"); std::process::exit(1) }
}
