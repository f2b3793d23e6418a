//! State that a program inherits besides its environment: signals, limits, and the file mode mask.
//!
//! A test program may itself run under `nohup`, in the background of a script, or in a container
//! with low limits. The program under test therefore gets the state of a fresh login, and tests
//! that need another state set it explicitly.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A resource limit of a process, as `setrlimit` names it.
pub type Resource = libc::__rlimit_resource_t;

/// Gives a program the signals, limits and file mode mask of a fresh login.
pub fn as_after_login(command: &mut Command) {
    // SAFETY: the closure only makes system calls.
    unsafe {
        command.pre_exec(|| {
            for signal in 1..=libc::SIGRTMAX() {
                // The call fails for SIGKILL, SIGSTOP and the signals that the C library reserves.
                libc::signal(signal, libc::SIG_DFL);
            }
            mask(libc::SIG_SETMASK, None)?;
            for resource in [
                libc::RLIMIT_FSIZE,
                libc::RLIMIT_NPROC,
                libc::RLIMIT_AS,
                libc::RLIMIT_DATA,
                libc::RLIMIT_CPU,
            ] {
                limit(resource, libc::RLIM_INFINITY)?;
            }
            limit(libc::RLIMIT_NOFILE, 1024)?;
            libc::umask(0o022);
            Ok(())
        })
    };
}

/// Starts a program with a signal ignored, as under `nohup`.
pub fn ignoring(command: &mut Command, signal: libc::c_int) {
    // SAFETY: the closure only makes a system call.
    unsafe {
        command.pre_exec(move || match libc::signal(signal, libc::SIG_IGN) {
            libc::SIG_ERR => Err(io::Error::last_os_error()),
            _ => Ok(()),
        })
    };
}

/// Starts a program with a signal blocked.
pub fn blocking(command: &mut Command, signal: libc::c_int) {
    // SAFETY: the closure only makes a system call.
    unsafe { command.pre_exec(move || mask(libc::SIG_BLOCK, Some(signal))) };
}

/// Starts a program with a lower limit, as after `ulimit -S`.
pub fn limited(command: &mut Command, resource: Resource, soft: u64) {
    // SAFETY: the closure only makes system calls.
    unsafe { command.pre_exec(move || limit(resource, soft)) };
}

/// Starts a program with a descriptor closed.
pub fn closed(command: &mut Command, descriptor: libc::c_int) {
    // SAFETY: the closure only makes a system call, and std does not use standard streams after
    // this.
    unsafe {
        command.pre_exec(move || {
            libc::close(descriptor);
            Ok(())
        })
    };
}

/// Starts a program with a non-blocking descriptor.
pub fn nonblocking(command: &mut Command, descriptor: libc::c_int) {
    // SAFETY: the closure only makes a system call.
    unsafe {
        command
            .pre_exec(move || succeeded(libc::fcntl(descriptor, libc::F_SETFL, libc::O_NONBLOCK)))
    };
}

/// Starts a program with the given file mode mask.
pub fn masking(command: &mut Command, mask: libc::mode_t) {
    // SAFETY: the closure only makes a system call.
    unsafe {
        command.pre_exec(move || {
            libc::umask(mask);
            Ok(())
        })
    };
}

/// Starts a program in a folder that has been removed.
pub fn in_no_folder(command: &mut Command) {
    // SAFETY: the closure only makes system calls.
    unsafe {
        command.pre_exec(|| {
            succeeded(libc::mkdir(c"gone".as_ptr(), 0o700))?;
            succeeded(libc::chdir(c"gone".as_ptr()))?;
            succeeded(libc::rmdir(c"../gone".as_ptr()))
        })
    };
}

/// Starts a program where `/proc` is an empty folder. Requires root.
pub fn without_proc(command: &mut Command) {
    // SAFETY: the closure only makes system calls.
    unsafe {
        command.pre_exec(|| {
            succeeded(libc::unshare(libc::CLONE_NEWNS))?;
            let (none, private) = (std::ptr::null(), libc::MS_REC | libc::MS_PRIVATE);
            succeeded(libc::mount(
                none,
                c"/".as_ptr(),
                none,
                private,
                std::ptr::null(),
            ))?;
            let empty = c"tmpfs".as_ptr();
            succeeded(libc::mount(
                empty,
                c"/proc".as_ptr(),
                empty,
                0,
                std::ptr::null(),
            ))
        })
    };
}

fn mask(how: libc::c_int, signal: Option<libc::c_int>) -> io::Result<()> {
    // SAFETY: zeros are a valid value of this plain C type, and the set is emptied before use.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is valid for the duration of the calls.
    let done = unsafe {
        libc::sigemptyset(&mut set);
        if let Some(signal) = signal {
            libc::sigaddset(&mut set, signal);
        }
        libc::sigprocmask(how, &set, std::ptr::null_mut())
    };
    succeeded(done)
}

/// Sets a soft limit, capped by the hard limit.
fn limit(resource: Resource, soft: u64) -> io::Result<()> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the struct is valid, and the call does not keep it.
    succeeded(unsafe { libc::getrlimit(resource, &mut limit) })?;
    limit.rlim_cur = soft.min(limit.rlim_max);
    // SAFETY: as above.
    succeeded(unsafe { libc::setrlimit(resource, &limit) })
}

fn succeeded(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
