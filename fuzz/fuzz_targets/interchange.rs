//! Reads a file of any origin: Extended JSON, BSON dumps and ecache's own lines.

#![no_main]

use ecache_core::backend::Record;
use ecache_core::interchange::{Reader, write_entry};
use ecache_core::time::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let now = Timestamp::from_millis(1_700_000_000_000);
    let Ok(reader) = Reader::new(file, "execution_store", now) else {
        return;
    };
    // Problems are reported line by line; a reader that repeats one for ever would hang here.
    for record in reader.take(1000) {
        let Ok((_, Record::Entry(entry, value))) = record else {
            continue;
        };
        let mut line = Vec::new();
        if write_entry(&entry, &value, &mut line).is_err() {
            continue;
        }
        let mut again = Reader::new(&*line, "execution_store", now).expect("our own line");
        let record = again.next().expect("a record").expect("our own line is read");
        let (_, Record::Entry(same, content)) = record else {
            panic!("an entry came back as something else");
        };
        assert_eq!(same.address, entry.address);
        assert_eq!(content, value);
    }
});
