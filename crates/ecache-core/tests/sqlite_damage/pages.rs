//! Damaged pages, and a file that was cut off.

use super::*;

#[test]
fn a_damaged_page_gives_the_right_bytes_or_none() {
    let entries = 200;
    let (_folder, path) = store(entries);
    let whole = fs::read(&path).expect("a file");
    assert_eq!(read_everything(&path, entries), entries);
    let mut seed = 1;
    for page in 0..whole.len() / PAGE {
        let start = page * PAGE;
        for garbage in [false, true] {
            let mut damaged = whole.clone();
            if garbage {
                damaged[start..start + PAGE].fill_with(|| random(&mut seed) as u8);
            } else {
                for _ in 0..3 {
                    damaged[start + random(&mut seed) % PAGE] ^= 1 << (random(&mut seed) % 8);
                }
            }
            rewrite(&path, &damaged);
            read_everything(&path, entries);
        }
    }
}

#[test]
fn a_damaged_file_can_be_written_to_and_cleared_or_says_that_it_is_damaged() {
    let entries = 100;
    let (_folder, path) = store(entries);
    let whole = fs::read(&path).expect("a file");
    let mut seed = 2;
    for page in 0..whole.len() / PAGE {
        let mut damaged = whole.clone();
        for _ in 0..3 {
            damaged[page * PAGE + random(&mut seed) % PAGE] ^= 1 << (random(&mut seed) % 8);
        }
        rewrite(&path, &damaged);
        let Ok(store) = SqliteBackend::open(&path, Access::Write) else {
            continue;
        };
        if put(&store, "new", b"new").is_ok() {
            let found = get(&store, "new");
            assert!(
                !matches!(&found, Ok(Some(value)) if value != b"new"),
                "{found:?}"
            );
        }
        let _ = store.remove(&Filter::default().into(), NOW, &mut no_progress);
    }
}

#[test]
fn a_file_that_was_cut_off_gives_the_right_bytes_or_none() {
    let entries = 100;
    let (_folder, path) = store(entries);
    let whole = fs::read(&path).expect("a file");
    for length in (0..whole.len()).step_by(PAGE / 2) {
        rewrite(&path, &whole[..length]);
        read_everything(&path, entries);
    }
    rewrite(&path, &whole[..50]);
    let opened = SqliteBackend::open(&path, Access::Write);
    let refused = matches!(opened, Err(Error::UnreadableFile { .. }));
    assert!(refused, "50 bytes are not store");
}
