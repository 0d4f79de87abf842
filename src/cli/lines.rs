//! Lines out of bytes that come in pieces.

use bytes::BytesMut;

/// What has come of lines that have not been read.
#[derive(Default)]
pub(super) struct LineBuffer {
    bytes: BytesMut,
    /// How many of them are known to hold no end of a line.
    searched: usize,
}

impl LineBuffer {
    /// Adds what has come.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole line, without its end.
    pub(super) fn next_line(&mut self) -> Option<BytesMut> {
        let Some(end) = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n') else {
            self.searched = self.bytes.len();
            return None;
        };
        let mut line = self.bytes.split_to(self.searched + end + 1);
        self.searched = 0;
        let ending = if line.ends_with(b"\r\n") { 2 } else { 1 };
        line.truncate(line.len() - ending);
        Some(line)
    }

    /// What is left when nothing more will come: a line without an end, if any.
    pub(super) fn rest(&mut self) -> Option<BytesMut> {
        self.searched = 0;
        Some(self.bytes.split()).filter(|rest| !rest.is_empty())
    }

    /// How many bytes wait for the end of their line.
    pub(super) fn waiting(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_whole_however_they_went_in() {
        let text = b"one\r\n\ntwo\nthree";
        for size in 1..text.len() {
            let mut buffer = LineBuffer::default();
            let mut lines = Vec::new();
            for piece in text.chunks(size) {
                buffer.push(piece);
                lines.extend(std::iter::from_fn(|| buffer.next_line()));
            }
            assert_eq!(lines, [&b"one"[..], b"", b"two"], "pieces of {size}");
            assert_eq!(buffer.rest().as_deref(), Some(&b"three"[..]));
            assert_eq!(buffer.rest(), None);
        }
    }
}
