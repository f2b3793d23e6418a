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
    let none = "0000000000000000";
    run(command, b"").prints(format!(
        "unlimited\n0022\nSigBlk:\t{none}\nSigIgn:\t{none}\n"
    ));
}
