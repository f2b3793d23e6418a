//! What this process inherited and Rust's runtime changes before `main`: a command that is run inherits the same.
//!
//! The runtime ignores SIGPIPE and opens `/dev/null` in place of a standard stream that is closed; `std::process`
//! gives a child the default for SIGPIPE and an empty signal mask.

use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};

/// Whether SIGPIPE was ignored.
static IGNORES_PIPE: AtomicBool = AtomicBool::new(false);

/// Whether SIGCHLD was ignored.
static IGNORES_CHILD: AtomicBool = AtomicBool::new(false);

/// The standard streams that were closed, a bit for each.
static CLOSED: AtomicU8 = AtomicU8::new(0);

/// The signals that were blocked, if any were.
static BLOCKED: OnceLock<Option<libc::sigset_t>> = OnceLock::new();

/// Runs before Rust's runtime does.
#[used]
#[cfg_attr(
    target_vendor = "apple",
    unsafe(link_section = "__DATA,__mod_init_func")
)]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
static BEFORE_MAIN: extern "C" fn() = before_main;

extern "C" fn before_main() {
    IGNORES_PIPE.store(is_ignored(libc::SIGPIPE), Relaxed);
    for descriptor in 0..3 {
        // SAFETY: this asks for the flags of a descriptor, if there is one.
        if unsafe { libc::fcntl(descriptor, libc::F_GETFD) } == -1 {
            CLOSED.fetch_or(1 << descriptor, Relaxed);
        }
    }
}

/// Takes back what the runtime did to the standard streams, as far as a command that is run would see it, and has
/// commands waited for: where SIGCHLD is ignored, the system forgets how they ended.
pub(crate) fn settle() {
    if is_ignored(libc::SIGCHLD) {
        IGNORES_CHILD.store(true, Relaxed);
        // SAFETY: a plain call.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    }
    for descriptor in (0..3).filter(|descriptor| is_closed(*descriptor)) {
        // SAFETY: this changes a flag of the descriptor that the runtime opened.
        unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

/// Whether a standard stream was closed.
pub(crate) fn is_closed(descriptor: i32) -> bool {
    CLOSED.load(Relaxed) & 1 << descriptor != 0
}

/// Whether SIGPIPE was ignored.
pub(crate) fn ignores_pipe() -> bool {
    IGNORES_PIPE.load(Relaxed)
}

/// Whether a signal is ignored at present.
pub(crate) fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: nothing is changed, and what is there now is written to `action`.
    let asked = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: it was written where the call succeeded.
    asked == 0 && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

/// Has a program start with the signals as this process inherited them.
///
/// In the usual case `std` does so by itself, without `fork`, which is faster.
pub(crate) fn prepare(command: &mut Command) {
    let ignored = [
        (libc::SIGPIPE, ignores_pipe()),
        (libc::SIGCHLD, IGNORES_CHILD.load(Relaxed)),
    ];
    let blocked = *blocked();
    if blocked.is_none() && ignored.iter().all(|(_, is_ignored)| !is_ignored) {
        return;
    }
    let restore = move || {
        for (signal, _) in ignored.iter().filter(|(_, is_ignored)| *is_ignored) {
            // SAFETY: a plain call.
            unsafe { libc::signal(*signal, libc::SIG_IGN) };
        }
        match blocked {
            Some(blocked) => set_mask(libc::SIG_SETMASK, &blocked).map(drop),
            None => Ok(()),
        }
    };
    // SAFETY: the closure only makes system calls.
    unsafe { command.pre_exec(restore) };
}

/// The signals that were blocked when this was first asked, if any were. To be asked before any is unblocked.
pub(crate) fn blocked() -> &'static Option<libc::sigset_t> {
    BLOCKED.get_or_init(|| {
        let blocked = set_mask(libc::SIG_BLOCK, &no_signals()).ok()?;
        // SAFETY: the set was written by the system.
        let is_blocked = |signal| unsafe { libc::sigismember(&blocked, signal) } == 1;
        (1..=last_signal()).any(is_blocked).then_some(blocked)
    })
}

/// The highest number of a signal.
pub(crate) fn last_signal() -> libc::c_int {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return libc::SIGRTMAX();
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    return 31;
}

pub(crate) fn no_signals() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the call initializes the set, and cannot fail.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    }
}

/// Changes the mask of this thread, and returns the one that was there.
pub(crate) fn set_mask(how: libc::c_int, set: &libc::sigset_t) -> io::Result<libc::sigset_t> {
    let mut old = no_signals();
    // SAFETY: both sets are valid for as long as the call takes.
    match unsafe { libc::pthread_sigmask(how, set, &mut old) } {
        0 => Ok(old),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}
