//! The signal and stream state that this process inherited, which Rust's runtime changes before
//! `main`. Commands that it runs inherit the original state.
//!
//! The runtime ignores SIGPIPE and opens `/dev/null` in place of a closed standard stream;
//! `std::process` resets SIGPIPE and the signal mask in a child.

use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::stdio;

/// `true` if SIGPIPE was ignored.
static IGNORES_PIPE: AtomicBool = AtomicBool::new(false);

/// `true` if SIGCHLD was ignored.
static IGNORES_CHILD: AtomicBool = AtomicBool::new(false);

/// The standard streams that were closed, one bit for each.
static CLOSED: AtomicU8 = AtomicU8::new(0);

/// The signals that were blocked, `None` if none were.
static BLOCKED: OnceLock<Option<libc::sigset_t>> = OnceLock::new();

/// Registers a function that runs before Rust's runtime.
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
        // SAFETY: the call only reads the flags of a descriptor, and fails if it is closed.
        if unsafe { libc::fcntl(descriptor, libc::F_GETFD) } == -1 {
            CLOSED.fetch_or(1 << descriptor, Relaxed);
        }
    }
}

/// Undoes the runtime's changes to the standard streams as far as a command would notice them. Also
/// restores the default for SIGCHLD: while it is ignored, the system discards exit statuses.
pub(crate) fn settle() {
    if is_ignored(libc::SIGCHLD) {
        IGNORES_CHILD.store(true, Relaxed);
        // SAFETY: the call takes no pointers to memory.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    }
    let streams = [stdio::stdin(), stdio::stdout(), stdio::stderr()];
    for (descriptor, stream) in (0..).zip(streams) {
        if is_closed(descriptor) {
            let _ = fcntl_setfd(stream, FdFlags::CLOEXEC);
        }
    }
}

/// Reports whether a standard stream was closed.
pub(crate) fn is_closed(descriptor: i32) -> bool {
    CLOSED.load(Relaxed) & 1 << descriptor != 0
}

/// Reports whether SIGPIPE was ignored.
pub(crate) fn ignores_pipe() -> bool {
    IGNORES_PIPE.load(Relaxed)
}

/// Reports whether a signal is ignored at present.
pub(crate) fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: the call changes nothing, and writes the current action to `action`.
    let asked = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: a successful call has initialized it.
    asked == 0 && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

/// Starts a program with the signal state that this process inherited.
///
/// In the usual case `std` does this by itself, without `fork`, which is faster.
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
            // SAFETY: the call takes no pointers to memory.
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

/// Returns the signals that were blocked at the first call, `None` if none were. The first call
/// must precede any unblocking.
pub(crate) fn blocked() -> &'static Option<libc::sigset_t> {
    BLOCKED.get_or_init(|| {
        let blocked = set_mask(libc::SIG_BLOCK, &no_signals()).ok()?;
        // SAFETY: the system has initialized the set.
        let is_blocked = |signal| unsafe { libc::sigismember(&blocked, signal) } == 1;
        (1..=last_signal()).any(is_blocked).then_some(blocked)
    })
}

/// Returns the highest signal number.
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

/// Changes the signal mask of this thread, and returns the previous one.
pub(crate) fn set_mask(how: libc::c_int, set: &libc::sigset_t) -> io::Result<libc::sigset_t> {
    let mut old = no_signals();
    // SAFETY: both sets are valid for the duration of the call.
    match unsafe { libc::pthread_sigmask(how, set, &mut old) } {
        0 => Ok(old),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}
