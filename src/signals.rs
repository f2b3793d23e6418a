//! Ctrl-C during long work: finishes the batch, says what was done, and exits with 130 (or 143).
//!
//! The second one ends the process at once. Commands that only read are ended by the first: they have
//! nothing to finish. `ecache run` sends signals on to the command that it runs, from their handler: it may be waiting
//! for a reader of what the command printed.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicUsize,
    Ordering::{self, SeqCst},
};
use std::sync::{Arc, LazyLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag;

/// The signal that asked for the end, 0 as long as there was none.
static SIGNAL: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// From here on, the first SIGINT or SIGTERM is only noted.
pub(crate) fn finish_batches() -> io::Result<()> {
    let seen = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag unset and sets it, the second finds it set.
        flag::register_conditional_shutdown(signal, 128 + signal, seen.clone())?;
        flag::register(signal, seen.clone())?;
        flag::register_usize(signal, SIGNAL.clone(), signal as usize)?;
    }
    Ok(())
}

/// The signal that asked for the end, if there was one.
pub(crate) fn interrupted() -> Option<u8> {
    u8::try_from(SIGNAL.load(Ordering::Relaxed))
        .ok()
        .filter(|signal| *signal > 0)
}

/// Those that would end the process.
const ENDING: [libc::c_int; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// From here on, a signal that would end the process is a byte to be read: its number, or 0 if the terminal sent
/// it, which sends it to every process in the foreground.
///
/// One that is ignored, as under `nohup`, stays ignored.
pub(crate) fn as_bytes() -> io::Result<UnixStream> {
    let (reader, writer) = UnixStream::pair()?;
    // A handler must not wait; so many signals that they do not fit are one.
    writer.set_nonblocking(true)?;
    let writer = Arc::new(writer);
    for signal in ENDING.into_iter().filter(|signal| !is_ignored(*signal)) {
        let writer = writer.clone();
        let hand_on = move |info: &libc::siginfo_t| {
            let number = if is_typed(info) { 0 } else { signal as u8 };
            let _ = (&*writer).write(&[number]);
        };
        // SAFETY: the handler does nothing but write to a descriptor that stays open.
        unsafe { signal_hook_registry::register_sigaction(signal, hand_on) }?;
    }
    Ok(reader)
}

/// Signals that would end the process are sent on to the one command that it runs, but for those from the terminal,
/// which sends them to every process in the foreground.
pub(crate) struct ForCommand;

/// The command, 0 while there is none.
static CHILD: AtomicU32 = AtomicU32::new(0);

/// Those that are still to be sent to it, a bit for each.
static PENDING: AtomicU32 = AtomicU32::new(0);

/// Whether any came.
static CAME: AtomicBool = AtomicBool::new(false);

/// So many threads are sending some.
static SENDING: AtomicUsize = AtomicUsize::new(0);

impl ecache_core::command::Signals for ForCommand {
    fn begin(&self) -> io::Result<()> {
        for signal in ENDING.into_iter().filter(|signal| !is_ignored(*signal)) {
            let send_on = move |info: &libc::siginfo_t| {
                CAME.store(true, SeqCst);
                // Before there is a command, the terminal cannot have sent it any.
                if !is_typed(info) || CHILD.load(SeqCst) == 0 {
                    PENDING.fetch_or(1 << signal, SeqCst);
                    send_pending();
                }
            };
            // SAFETY: the handler does nothing but change atomic numbers and call `kill`.
            unsafe { signal_hook_registry::register_sigaction(signal, send_on) }?;
        }
        Ok(())
    }

    fn reach(&self, child: u32) {
        CHILD.store(child, SeqCst);
        send_pending();
    }

    fn end(&self, _: u32) -> bool {
        CHILD.store(0, SeqCst);
        // A handler in another thread may have looked before.
        while SENDING.load(SeqCst) > 0 {
            std::hint::spin_loop();
        }
        CAME.load(SeqCst)
    }
}

/// Sends those that are pending. Each is sent once, whoever is first.
fn send_pending() {
    SENDING.fetch_add(1, SeqCst);
    let child = CHILD.load(SeqCst);
    if child > 0 {
        let pending = PENDING.swap(0, SeqCst);
        for signal in ENDING
            .into_iter()
            .filter(|signal| pending & 1 << signal != 0)
        {
            // SAFETY: this touches no memory, and the command is not waited for yet, so its id is still its own.
            let _ = unsafe { libc::kill(child as libc::pid_t, signal) };
        }
    }
    SENDING.fetch_sub(1, SeqCst);
}

/// Whether the terminal sent a signal.
fn is_typed(info: &libc::siginfo_t) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return info.si_code == libc::SI_KERNEL;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    return info.si_pid == 0;
}

fn is_ignored(signal: libc::c_int) -> bool {
    // SAFETY: a `sigaction` of zeros is a valid value of this plain C struct.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: nothing is changed, and what is there now is written to `action`.
    let asked = unsafe { libc::sigaction(signal, std::ptr::null(), &mut action) };
    asked == 0 && action.sa_sigaction == libc::SIG_IGN
}
