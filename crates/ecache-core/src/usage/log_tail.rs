//! Follows the log: the calls of all processes, as they are appended.

use std::io;

use super::Event;
use super::header::HEADER;
use super::log::{FILES, Log, OpenLog};
use super::record::{Payload, Records};

/// Reads the events that are appended from now on, by any process.
pub struct LogTail {
    log: Log,
    files: [Option<(OpenLog, u64)>; 2],
}

debug_fields!(LogTail { log });

impl Log {
    /// Follows the log from its present end.
    ///
    /// # Errors
    /// If a file is there and cannot be read.
    pub fn tail(&self) -> io::Result<LogTail> {
        let mut tail = LogTail {
            log: self.clone(),
            files: [None, None],
        };
        for (place, sidecar) in tail.files.iter_mut().zip(FILES) {
            if let Some(open) = self.open_one(sidecar)? {
                let size = open.size()?;
                open.unlock()?;
                *place = Some((open, size));
            }
        }
        Ok(tail)
    }
}

impl LogTail {
    /// Returns the events since the last call.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn events(&mut self) -> io::Result<Vec<Event>> {
        const MOST: usize = 1 << 20;
        let mut events = Vec::new();
        for (place, sidecar) in self.files.iter_mut().zip(FILES) {
            loop {
                if place.is_none()
                    && let Some(open) = self.log.open_one(sidecar)?
                {
                    open.unlock()?;
                    *place = Some((open, HEADER as u64));
                }
                let Some((open, offset)) = place else {
                    break;
                };
                // Asked before reading: nothing is appended to a file that is removed.
                let is_removed = open.is_removed()?;
                let bytes = open.read(*offset, MOST)?;
                let mut records = Records::new(&bytes);
                events.extend(
                    records
                        .by_ref()
                        .filter_map(|payload: Payload<'_>| payload.event()),
                );
                *offset += records.read as u64;
                if records.read > 0 && bytes.len() == MOST {
                    continue;
                }
                if !is_removed {
                    break;
                }
                *place = None;
            }
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::tests::event;

    fn times(events: &[Event]) -> Vec<i64> {
        events.iter().map(|event| event.at.as_millis()).collect()
    }

    #[test]
    fn a_follower_sees_what_is_appended_also_when_the_log_begins_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Log::beside(&folder.path().join("store.db"));
        log.append(&[event(1)]).expect("appended");
        let mut tail = log.tail().expect("a tail");
        assert_eq!(tail.events().expect("events"), []);
        log.append(&[event(2), event(3)]).expect("appended");
        assert_eq!(times(&tail.events().expect("events")), [2, 3]);
        log.append(&[event(4)]).expect("appended");
        let open = log.open().expect("the log");
        let removed = open[0].remove(|_| Ok::<_, io::Error>(true));
        assert!(removed.expect("removed"));
        log.append(&[event(5)]).expect("appended");
        assert_eq!(times(&tail.events().expect("events")), [4, 5]);
    }
}
