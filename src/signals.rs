//! Signals: administration finishes its batch and stops; `run` and `warm` forward them to their
//! commands.
//!
//! The first Ctrl-C during long work finishes the batch, reports its progress, and exits with 130
//! (or 143); the second one ends the process at once. Commands that only read have nothing to
//! finish, so the first one ends them.
//!
//! `ecache run` forwards from the handler, since its only thread may be waiting for a reader of the
//! output. A signal inherited as ignored, as under `nohup`, stays ignored here and in commands.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{self, SeqCst},
};
use std::sync::{Arc, LazyLock};

use libc::{c_int, c_void, siginfo_t};
use rustix::process::{Resource, Rlimit, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};
use signal_hook::flag;

use crate::inherited::{self, is_ignored};

/// The signal that asked for the end, 0 as long as there was none.
static SIGNAL: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// Makes the first SIGINT, SIGTERM, SIGHUP or SIGQUIT a request to stop after the current batch.
pub(crate) fn finish_batches() -> io::Result<()> {
    let seen = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT]
        .into_iter()
        .filter(|one| !is_ignored(*one))
    {
        // In this order: the first signal finds the flag unset and sets it, the second finds it
        // set.
        flag::register_conditional_shutdown(signal, 128 + signal, seen.clone())?;
        flag::register(signal, seen.clone())?;
        flag::register_usize(signal, SIGNAL.clone(), signal as usize)?;
    }
    Ok(())
}

/// Lets SIGINT pass over this process, whose child decides what it means, until the returned flag
/// is set: then it ends the process as usual.
pub(crate) fn leave_interrupts() -> io::Result<Arc<AtomicBool>> {
    let has_ended = Arc::new(AtomicBool::new(false));
    if !is_ignored(SIGINT) {
        flag::register_conditional_default(SIGINT, has_ended.clone())?;
    }
    Ok(has_ended)
}

/// Returns the signal that requested the end, if there was one.
pub(crate) fn interrupted() -> Option<u8> {
    u8::try_from(SIGNAL.load(Ordering::Relaxed))
        .ok()
        .filter(|signal| *signal > 0)
}

/// Makes a write beyond `ulimit -f` an error instead of the end of this process.
///
/// Installs a handler instead of ignoring the signal: a started command gets the default again.
pub(crate) fn survive_file_limit() {
    extern "C" fn pass_over(_: c_int, _: *mut siginfo_t, _: *mut c_void) {}
    if !is_ignored(libc::SIGXFSZ) {
        // If this fails, such a write ends this process, as it would end any other.
        let _ = handle(libc::SIGXFSZ, pass_over);
    }
}

/// Signals whose default action does not end a process.
const HARMLESS: [c_int; 3] = [libc::SIGCONT, libc::SIGURG, SIGWINCH];

/// Signals that are never forwarded. They cannot be caught, concern this process's children or its
/// own errors, or stop it, which a terminal does to the whole foreground group.
const OWN: [c_int; 12] = [
    libc::SIGKILL,
    libc::SIGSTOP,
    libc::SIGCHLD,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGTRAP,
    libc::SIGSYS,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
];

/// Returns the signals that are forwarded to a command unless they are ignored.
fn forwardable() -> impl Iterator<Item = c_int> {
    (1..=inherited::last_signal()).filter(|signal| !OWN.contains(signal))
}

/// Reports whether a signal was inherited as ignored, given whether it is ignored now. They differ
/// for SIGPIPE, which Rust's runtime ignores.
fn was_ignored(signal: c_int, is_ignored: bool) -> bool {
    match signal {
        libc::SIGPIPE => inherited::ignores_pipe(),
        _ => is_ignored,
    }
}

/// Descriptor that the handler writes signal numbers to, one byte each.
static BYTES: AtomicI32 = AtomicI32::new(-1);

/// Turns signals that would end the process into bytes to be read: the signal's number, or 0 if the
/// terminal sent it, which sends it to every foreground process.
pub(crate) fn as_bytes() -> io::Result<UnixStream> {
    extern "C" fn hand_on(signal: c_int, info: *mut siginfo_t, _: *mut c_void) {
        // SAFETY: the system passes a valid pointer to the handler.
        let info = unsafe { &*info };
        if is_by_itself(signal, info) {
            return;
        }
        let number = if is_typed(signal, info) {
            0
        } else {
            signal as u8
        };
        // SAFETY: the descriptor stays open, and the byte is valid for the duration of the call.
        keeping_errno(|| unsafe { libc::write(BYTES.load(SeqCst), (&raw const number).cast(), 1) });
    }
    let (reader, writer) = UnixStream::pair()?;
    // A handler must not block. Signals that do not fit into the buffer are dropped.
    writer.set_nonblocking(true)?;
    BYTES.store(writer.into_raw_fd(), SeqCst);
    receive(
        forwardable().filter(|signal| !HARMLESS.contains(signal)),
        hand_on,
    );
    Ok(reader)
}

/// Forwards signals to the one command that this process runs, except those typed at the terminal,
/// which reach every foreground process anyway.
pub(crate) struct ForCommand;

/// The command, 0 while there is none.
static CHILD: AtomicU32 = AtomicU32::new(0);

/// Signals still to be sent to the command, one bit each.
static PENDING: AtomicU64 = AtomicU64::new(0);

/// `true` once a signal has arrived that may have changed the command's behavior.
static CAME: AtomicBool = AtomicBool::new(false);

/// Number of threads that are sending signals.
static SENDING: AtomicUsize = AtomicUsize::new(0);

extern "C" fn send_on(signal: c_int, info: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: the system passes a valid pointer to the handler.
    let info = unsafe { &*info };
    if is_by_itself(signal, info) {
        return;
    }
    if !HARMLESS.contains(&signal) {
        CAME.store(true, SeqCst);
    }
    // A signal from the terminal cannot have reached a command that did not exist yet.
    if !is_typed(signal, info) || CHILD.load(SeqCst) == 0 {
        PENDING.fetch_or(bit(signal), SeqCst);
        keeping_errno(send_pending);
    }
}

impl ecache_core::command::Signals for ForCommand {
    fn begin(&self) -> io::Result<()> {
        let is_any_blocked = inherited::blocked().is_some();
        let received = receive(forwardable(), send_on);
        // Signals inherited as blocked must be forwarded, and the command itself has them blocked.
        if is_any_blocked {
            inherited::set_mask(libc::SIG_UNBLOCK, &received)?;
        }
        Ok(())
    }

    fn prepare(&self, command: &mut Command) {
        inherited::prepare(command);
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

/// Undoes [`ForCommand`] before this process becomes the command. A signal that is still pending
/// for the command ends this process, as it would have ended the command.
pub(crate) fn give_way() -> io::Result<()> {
    let before = inherited::set_mask(libc::SIG_SETMASK, &all_signals())?;
    let is_forwarded = |signal: &c_int| !was_ignored(*signal, is_ignored(*signal));
    for signal in forwardable().filter(is_forwarded) {
        // SAFETY: the call takes no pointers to memory. It fails for signals that the C library
        // reserves.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let pending = PENDING.swap(0, SeqCst);
    for signal in (1..=64).filter(|signal| pending & bit(*signal) != 0) {
        // SAFETY: the call takes no pointers to memory, and addresses this process.
        unsafe { libc::kill(libc::getpid(), signal) };
    }
    inherited::set_mask(libc::SIG_SETMASK, &before).map(drop)
}

/// Ends this process by a signal, as it ended the command: a shell stops a loop only if a command
/// in it ends so.
///
/// Returns if the signal does not end processes.
pub(crate) fn end_by(signal: u8) {
    let signal = c_int::from(signal);
    // The command has left its core, and this process must not replace it.
    let no_core = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = setrlimit(Resource::Core, no_core);
    let mut only = inherited::no_signals();
    // SAFETY: plain calls with valid arguments.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::sigaddset(&mut only, signal);
    }
    let _ = inherited::set_mask(libc::SIG_UNBLOCK, &only);
    // SAFETY: a plain call, on this process.
    unsafe { libc::kill(libc::getpid(), signal) };
}

fn all_signals() -> libc::sigset_t {
    let mut set = inherited::no_signals();
    // SAFETY: the pointer is to a valid set.
    unsafe { libc::sigfillset(&mut set) };
    set
}

/// Sends the pending signals, each once, whichever thread comes first.
fn send_pending() {
    SENDING.fetch_add(1, SeqCst);
    let child = CHILD.load(SeqCst);
    if child > 0 {
        let pending = PENDING.swap(0, SeqCst);
        for signal in (1..=64).filter(|signal| pending & bit(*signal) != 0) {
            // SAFETY: this touches no memory, and the command is not waited for yet, so its id is
            // still its own.
            let _ = unsafe { libc::kill(child as libc::pid_t, signal) };
        }
    }
    SENDING.fetch_sub(1, SeqCst);
}

fn bit(signal: c_int) -> u64 {
    1 << (signal - 1)
}

/// Reports whether the terminal sent a signal.
fn is_typed(signal: c_int, info: &siginfo_t) -> bool {
    [SIGHUP, SIGINT, SIGQUIT, SIGWINCH].contains(&signal) && is_by_system(info)
}

/// Reports whether the kernel sent the signal, rather than a process.
fn is_by_system(info: &siginfo_t) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return info.si_code == libc::SI_KERNEL;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    return info.si_pid == 0;
}

/// Reports whether this process caused the signal itself: a closed pipe, a limit, or `abort`.
fn is_by_itself(signal: c_int, info: &siginfo_t) -> bool {
    [libc::SIGPIPE, libc::SIGXFSZ, libc::SIGXCPU, libc::SIGABRT].contains(&signal)
        // SAFETY: `info` holds the sender's PID for these signals, if there is a sender.
        && (is_by_system(info) || unsafe { info.si_pid() } == std::process::id() as libc::pid_t)
}

/// Installs a handler for signals that were not inherited as ignored, and returns those signals.
///
/// Installing a handler returns the previous action. Asking for it first would cost one more system
/// call for each signal.
fn receive(signals: impl Iterator<Item = c_int>, handler: Handler) -> libc::sigset_t {
    let mut received = inherited::no_signals();
    for signal in signals {
        // The C library refuses the signals that it reserves.
        let Ok(before) = handle(signal, handler) else {
            continue;
        };
        if was_ignored(signal, before.sa_sigaction == libc::SIG_IGN) {
            // SAFETY: the action is the previous one, as the system returned it.
            unsafe { libc::sigaction(signal, &before, std::ptr::null_mut()) };
        } else {
            // SAFETY: the pointer is to a valid set.
            unsafe { libc::sigaddset(&mut received, signal) };
        }
    }
    received
}

/// A signal handler. It may only use atomics and make system calls.
type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

/// Installs a handler, and returns the previous action.
fn handle(signal: c_int, handler: Handler) -> io::Result<libc::sigaction> {
    // SAFETY: a `sigaction` of zeros is a valid value of this plain C struct.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
    action.sa_mask = inherited::no_signals();
    let mut before = MaybeUninit::uninit();
    // SAFETY: the action is valid, and its handler obeys the rules of `Handler`.
    match unsafe { libc::sigaction(signal, &action, before.as_mut_ptr()) } {
        // SAFETY: the system has initialized it.
        0 => Ok(unsafe { before.assume_init() }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Runs a closure in a handler without changing the `errno` that the interrupted code sees.
fn keeping_errno<T>(call: impl FnOnce() -> T) {
    // SAFETY: the call returns a valid pointer to this thread's `errno`.
    #[cfg(target_os = "linux")]
    let errno = unsafe { &mut *libc::__errno_location() };
    // SAFETY: as above.
    #[cfg(not(target_os = "linux"))]
    let errno = unsafe { &mut *libc::__error() };
    let before = *errno;
    call();
    *errno = before;
}
