//! Streams that may be non-blocking: another process may have set the flag, and still expects every
//! byte.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// An unbuffered descriptor that waits instead of failing with `WouldBlock`.
///
/// ```
/// use std::io::{Read, Write, pipe};
/// use ecache_core::streams::Patient;
///
/// let (reader, writer) = pipe()?;
/// Patient(writer).write_all(b"whole")?;
/// let mut text = String::new();
/// Patient(reader).read_to_string(&mut text)?;
/// assert_eq!(text, "whole");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Patient<F>(pub F);

impl<F: AsFd> Read for Patient<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        until_done(&self.0, PollFlags::IN, || {
            rustix::io::read(&self.0, &mut *buffer)
        })
    }
}

impl<F: AsFd> Write for Patient<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        until_done(&self.0, PollFlags::OUT, || {
            rustix::io::write(&self.0, bytes)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F> fmt::Debug for Patient<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Patient").finish_non_exhaustive()
    }
}

/// Repeats a system call on a descriptor until it no longer reports that it would block.
///
/// # Errors
/// Fails if the system call fails.
fn until_done<T>(
    descriptor: impl AsFd,
    readiness: PollFlags,
    mut call: impl FnMut() -> Result<T, Errno>,
) -> io::Result<T> {
    loop {
        match call() {
            Ok(done) => return Ok(done),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let mut polled = [PollFd::new(&descriptor, readiness)];
                match poll(&mut polled, None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::pipe;
    use std::thread;
    use std::time::Duration;

    use rustix::io::ioctl_fionbio;

    use super::*;

    #[test]
    fn every_byte_goes_through_a_pipe_that_does_not_block() {
        let (reader, writer) = pipe().expect("a pipe");
        for end in [reader.as_fd(), writer.as_fd()] {
            ioctl_fionbio(end, true).expect("a mode");
        }
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|number| number as u8).collect();
        let read = thread::scope(|scope| {
            let reading = scope.spawn(|| {
                let mut read = Vec::new();
                Patient(reader).read_to_end(&mut read).map(|_| read)
            });
            // The reader finds the pipe empty before the writer fills it.
            thread::sleep(Duration::from_millis(5));
            Patient(writer).write_all(&bytes).expect("it is read");
            reading.join().expect("no panic").expect("it is written")
        });
        assert_eq!(read, bytes);
    }
}
