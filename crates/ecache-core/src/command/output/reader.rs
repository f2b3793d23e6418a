//! Reads the output of a run frame by frame, from its live output file or from the stored value.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::recording::{BEGINNING, END, HEADER, INPUT, Stream};
use crate::backend::{Backend, Chunked};
use crate::value::CHUNK_SIZE;

/// The place where a run's output can be read again.
#[derive(Clone)]
pub(crate) enum Source {
    /// Its live output file, which may still grow
    Told(Arc<File>),
    /// A stored value in chunks
    Usable(Arc<dyn Backend>, Chunked),
}

/// A reader of the frames of a run.
pub(crate) struct RunReader {
    source: Source,
    /// The buffered chunk and its index, `None` if no chunk is buffered
    chunk: (Vec<u8>, Option<u64>),
    offset: u64,
    /// The stream of the frame that is being read, and how much of it is left
    frame: (Stream, usize),
}

/// The next part of a run.
pub(crate) enum Next {
    /// Number of bytes read, and their stream
    Bytes(Stream, usize),
    /// The end, and the exit code
    End(u8),
    /// Nothing yet
    Nothing,
}

impl RunReader {
    /// Returns a reader at the beginning of a run.
    pub(crate) fn new(source: Source) -> Self {
        Self {
            offset: match source {
                Source::Told(_) => 0,
                Source::Usable(..) => BEGINNING,
            },
            source,
            chunk: (Vec::new(), None),
            frame: (Stream::Output, 0),
        }
    }

    /// Reads the next part, with at most as many bytes as fit into `buffer`.
    pub(crate) fn next(&mut self, buffer: &mut [u8]) -> io::Result<Next> {
        while self.frame.1 == 0 {
            let mut header = [0; HEADER];
            let count = self.read(&mut header)?;
            let stream = match header[..count] {
                [END, exit, ..] => return Ok(Next::End(exit)),
                [1, _, _, _, _] => Stream::Output,
                [2, _, _, _, _] => Stream::Error,
                [INPUT, _, _, _, length] => {
                    self.offset += HEADER as u64 + u64::from(length);
                    continue;
                }
                [] | [0..=INPUT, ..] => return Ok(Next::Nothing),
                _ => return Err(io::ErrorKind::InvalidData.into()),
            };
            let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
            self.offset += HEADER as u64;
            self.frame = (stream, length as usize);
        }
        let (stream, left) = self.frame;
        let length = left.min(buffer.len());
        match self.read(&mut buffer[..length])? {
            0 => Ok(Next::Nothing),
            count => {
                self.offset += count as u64;
                self.frame.1 -= count;
                Ok(Next::Bytes(stream, count))
            }
        }
    }

    /// Reads at the offset. Fills only a part of the buffer before the end and before a damaged
    /// chunk.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (backend, chunked) = match &self.source {
            Source::Told(file) => return file.read_at(buffer, self.offset),
            Source::Usable(backend, chunked) => (backend, chunked),
        };
        let (bytes, read) = &mut self.chunk;
        let mut count = 0;
        while count < buffer.len() {
            let offset = self.offset + count as u64;
            let index = offset / CHUNK_SIZE as u64;
            if index >= chunked.chunks() {
                break;
            }
            if *read != Some(index) {
                *read = None;
                match backend.read_chunk(chunked, index, bytes) {
                    Err(_) if count > 0 => break,
                    Err(error) => return Err(io::Error::other(error)),
                    Ok(()) => *read = Some(index),
                }
            }
            let from = (offset % CHUNK_SIZE as u64) as usize;
            let there = bytes.get(from..).unwrap_or_default();
            let length = there.len().min(buffer.len() - count);
            if length == 0 {
                break;
            }
            buffer[count..count + length].copy_from_slice(&there[..length]);
            count += length;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::super::recorder::Recorder;
    use super::*;
    use crate::backend::memory::MemoryBackend;
    use crate::backend::{Content, WriteBackend};
    use crate::command::settings::Outputs;
    use crate::time::Timestamp;

    #[test]
    fn a_stored_recording_is_read_across_its_chunks() {
        let mut recorder = Recorder::new(Outputs::Apart, u64::MAX).expect("memory");
        let mut expected = [Vec::new(), Vec::new()];
        for number in 0..80_000_u32 {
            let (stream, bytes) = match number % 3 {
                0 => (Stream::Error, number.to_be_bytes().repeat(5)),
                _ => (
                    Stream::Output,
                    number.to_le_bytes().repeat(number as usize % 20),
                ),
            };
            recorder.record(stream, &bytes).expect("memory");
            expected[stream as usize - 1].extend(bytes);
        }
        let backend = MemoryBackend::default();
        let mut recording = recorder.finish(7).expect("memory");
        let staged = backend.stage(&mut recording, Timestamp::from_millis(0));
        let Ok(Content::Chunked(chunked)) = staged else {
            panic!("it is long: {staged:?}");
        };
        assert!(chunked.chunks() > 2);
        let mut frames = RunReader::new(Source::Usable(Arc::new(backend), chunked));
        let (mut found, mut buffer) = ([Vec::<u8>::new(), Vec::new()], [0; 7]);
        loop {
            match frames.next(&mut buffer).expect("a frame") {
                Next::Bytes(stream, count) => found[stream as usize - 1].extend(&buffer[..count]),
                Next::End(exit) => break assert_eq!(exit, 7),
                Next::Nothing => panic!("it has an end"),
            }
        }
        assert!(found == expected);
    }
}
