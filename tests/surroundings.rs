//! The command in surroundings that are not a fresh login's: signals, limits, descriptors and files of others.

mod support;

use std::process::Command;

use support::{run, surroundings};

#[test]
fn the_program_under_test_starts_as_after_a_login() {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "ulimit -f; umask; grep -E '^Sig(Ign|Blk)' /proc/self/status",
    ]);
    surroundings::ignoring(&mut command, libc::SIGINT);
    surroundings::ignoring(&mut command, libc::SIGPIPE);
    surroundings::blocking(&mut command, libc::SIGTERM);
    surroundings::limited(&mut command, libc::RLIMIT_FSIZE, 0);
    surroundings::as_after_login(&mut command);
    let ran = run(command, b"").succeeds();
    let lines: Vec<_> = ran.text().lines().collect();
    assert_eq!(lines[..2], ["unlimited", "0022"]);
    for line in &lines[2..] {
        let (name, signals) = line.split_once(":\t").expect("a field of the kernel's");
        let signals = u64::from_str_radix(signals, 16).expect("a set of signals");
        // From 32 on there are those that the C library keeps for itself.
        assert_eq!(signals & 0x7fff_ffff, 0, "{name}");
    }
}
