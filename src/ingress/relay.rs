//! Both directions of a connection, until both have ended.

use tokio::net::TcpStream;

use super::pipe::Pipes;
use super::pump::Pump;

/// Carries bytes both ways. The end of one direction is handed on and does not end the other; a reset of either side is
/// handed on as a reset, so that nobody takes what it got for the whole. Idle connections stay.
pub(super) async fn relay(mut client: TcpStream, mut task: TcpStream, pipes: &Pipes) {
    let both = {
        let (from_client, to_client) = client.split();
        let (from_task, to_task) = task.split();
        let there = Pump::new(from_client, to_task, pipes);
        let back = Pump::new(from_task, to_client, pipes);
        tokio::try_join!(there.run(), back.run())
    };
    if let Err(error) = both {
        tracing::trace!(%error, "a connection was reset");
        reset(&client);
        reset(&task);
    }
}

/// Makes the end of a connection a reset.
pub(super) fn reset(stream: &TcpStream) {
    // Fails where it is gone already.
    let _ = stream.set_zero_linger();
}
