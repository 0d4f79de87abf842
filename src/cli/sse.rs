//! Lines of history out of a stream of server-sent events.

use futures_util::StreamExt as _;
use serde::Deserialize;

use super::api::Pieces;
use super::lines::LineBuffer;
use crate::client::ClientError;
use crate::wire::event::Event;

/// No line is longer, in bytes: what never ends a line is no history.
const LONGEST_LINE: usize = 1 << 20;

/// The kind under which the manager says that events are missing.
const GAP: &[u8] = b"gap";

/// What comes out of a stream of history.
#[derive(Debug)]
pub(super) enum Told {
    /// Something happened.
    Event(Box<Event>),
    /// Some events are missing here, for the reason that this sentence gives.
    Gap(String),
}

/// A stream of history. It is over when the manager ends it or goes away.
pub(super) struct EventStream {
    pieces: Pieces,
    lines: LineBuffer,
    /// The field `event` of the event that is being read.
    kind: Vec<u8>,
    /// Its field `data`.
    data: Vec<u8>,
}

impl EventStream {
    pub(super) fn new(pieces: Pieces) -> Self {
        Self { pieces, lines: LineBuffer::default(), kind: Vec::new(), data: Vec::new() }
    }

    /// What is told next; `None` when the manager has ended the stream. Cancel-safe: what has come is kept.
    pub(super) async fn next(&mut self) -> Result<Option<Told>, StreamError> {
        loop {
            while let Some(line) = self.lines.next_line() {
                if let Some(told) = self.take(&line)? {
                    return Ok(Some(told));
                }
            }
            if self.lines.waiting() > LONGEST_LINE {
                return Err(StreamError::Garbled("a line of it never ends".to_owned()));
            }
            match self.pieces.next().await {
                Some(piece) => self.lines.push(&piece?),
                None => return Ok(None),
            }
        }
    }

    /// Takes a line in. An empty one ends an event.
    fn take(&mut self, line: &[u8]) -> Result<Option<Told>, StreamError> {
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => self.kind = value.to_vec(),
            b"data" => self.data.extend_from_slice(value),
            _ => {}
        }
        if !line.is_empty() {
            return Ok(None);
        }
        let (kind, data) = (std::mem::take(&mut self.kind), std::mem::take(&mut self.data));
        if data.is_empty() {
            return Ok(None);
        }
        read(&kind, &data).map(Some).map_err(|error| StreamError::Garbled(error.to_string()))
    }
}

fn read(kind: &[u8], data: &[u8]) -> serde_json::Result<Told> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Gap {
        message: String,
    }
    if kind == GAP {
        return serde_json::from_slice(data).map(|gap: Gap| Told::Gap(gap.message));
    }
    serde_json::from_slice(data).map(|event| Told::Event(Box::new(event)))
}

/// Why a stream of history broke off.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamError {
    /// The manager went away.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It holds what no manager says.
    #[error("the manager's stream of events cannot be understood: {0}")]
    Garbled(String),
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::stream;

    use super::*;

    fn event(seq: u64) -> String {
        format!(
            r#"{{"Seq":{seq},"At":"2026-11-22T07:26:19Z","Source":"manager","TaskID":null,"TaskName":"","Node":null,"Attempt":0,"Kind":"engine","ExitCode":null,"Message":"m{seq}"}}"#
        )
    }

    async fn read_all(text: &str, size: usize) -> Result<Vec<String>, StreamError> {
        let pieces: Vec<_> =
            text.as_bytes().chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let mut stream = EventStream::new(stream::iter(pieces).boxed());
        let mut told = Vec::new();
        while let Some(next) = stream.next().await? {
            told.push(match next {
                Told::Event(event) => event.message,
                Told::Gap(message) => format!("gap: {message}"),
            });
        }
        Ok(told)
    }

    #[tokio::test]
    async fn events_come_out_whole_however_they_went_in() {
        let text = format!(
            ":\n\nevent: gap\ndata: {{\"Message\":\"1 to 6 are pruned\"}}\n\nid: 7\nevent: engine\ndata: {}\n\n: keep-alive\n\nid:8\r\ndata:{}\r\n\r\nid: 9\ndata: {}\n",
            event(7),
            event(8),
            event(9),
        );
        for size in [1, 2, 3, 50, text.len()] {
            let told = read_all(&text, size).await.unwrap();
            assert_eq!(told, ["gap: 1 to 6 are pruned", "m7", "m8"], "the ninth is not whole");
        }
    }

    #[tokio::test]
    async fn what_no_manager_says_is_an_error() {
        for text in ["data: {}\n\n", "data: x\n\n", "event: gap\ndata: {}\n\n"] {
            assert!(read_all(text, 9).await.is_err(), "{text:?}");
        }
        assert!(read_all(&"x".repeat(LONGEST_LINE + 9), 1 << 16).await.is_err());
    }
}
