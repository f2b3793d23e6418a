//! Finds the MongoDB server that FiftyOne starts for itself where no URI is configured.
//!
//! That server listens on a port of its own choice. Its lock file, in the folder of its data, holds
//! its process id, and the system lists the ports on which a process listens. Nothing is believed
//! of a process that does not hold the lock file open: the number may be that of a server that was
//! killed, and belong to another program by now.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The file in which a server writes its process id, in the folder of its data.
const LOCK: &str = "mongod.lock";

/// The state of a listening socket in the system's tables.
const LISTENING: &str = "0A";

/// The folder, process list and user with which to find a server.
#[derive(Clone, Debug)]
pub struct Search<'a> {
    /// The folder of the server's data, which FiftyOne calls `database_dir`
    pub folder: &'a Path,
    /// The folder in which the system lists processes: `/proc`
    pub processes: &'a Path,
    /// The user that the server must belong to
    pub user: u32,
}

/// A reason why no server was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotFound {
    /// No process serves the folder.
    #[error("no server runs with its data in {}", folder.display())]
    NotRunning {
        /// The folder of the data
        folder: PathBuf,
    },
    /// The process that serves the folder is another user's.
    #[error(
        "the server of {} (process {pid}) belongs to another user (uid {user})",
        folder.display()
    )]
    OtherUser {
        /// The folder of the data
        folder: PathBuf,
        /// The server's process id
        pid: u32,
        /// The server's user
        user: u32,
    },
    /// The process that serves the folder has a network of its own, as in a container.
    #[error("the server of {} (process {pid}) is in another network", folder.display())]
    OtherNetwork {
        /// The folder of the data
        folder: PathBuf,
        /// The server's process id
        pid: u32,
    },
    /// The server does not accept connections.
    #[error("the server of {} (process {pid}) listens on no port yet", folder.display())]
    NotListening {
        /// The folder of the data
        folder: PathBuf,
        /// The server's process id
        pid: u32,
    },
    /// The system does not list its processes as Linux does.
    #[error("this system has no {} to find the server of {} with", processes.display(), folder.display())]
    NoProcesses {
        /// The folder in which processes would be listed
        processes: PathBuf,
        /// The folder of the data
        folder: PathBuf,
    },
    /// A file with information on the server cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file
        path: PathBuf,
        /// The reason
        error: io::Error,
    },
}

impl Search<'_> {
    /// Returns the address on which the server of the folder listens.
    ///
    /// # Errors
    /// [`NotFound`], which says why there is none.
    pub fn address(&self) -> Result<SocketAddr, NotFound> {
        let Some((lock, pid)) = self.lock()? else {
            return Err(self.not_running());
        };
        if !self.processes.join("self").exists() {
            return Err(NotFound::NoProcesses {
                processes: self.processes.to_owned(),
                folder: self.folder.to_owned(),
            });
        }
        let process = self.processes.join(pid.to_string());
        let sockets = self.sockets(&process, pid, &lock)?;
        self.check_network(&process, pid)?;
        let tables = ["tcp", "tcp6"].map(|table| process.join("net").join(table));
        let listening = tables
            .iter()
            .filter_map(|table| fs::read_to_string(table).ok())
            .find_map(|table| listening(&table, &sockets));
        listening.ok_or_else(|| NotFound::NotListening {
            folder: self.folder.to_owned(),
            pid,
        })
    }

    /// Returns the lock file's identity and the process id in it; `None` if no server left one. A
    /// server that ends empties it.
    fn lock(&self) -> Result<Option<(Identity, u32)>, NotFound> {
        let path = self.folder.join(LOCK);
        let read = || {
            // Without blocking, should there be a named pipe.
            let file = OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_NONBLOCK)
                .open(&path)?;
            let identity = identity(&file.metadata()?);
            let mut text = String::new();
            file.take(32).read_to_string(&mut text)?;
            Ok((identity, text.trim().parse().ok()))
        };
        match read() {
            Ok((identity, pid)) => Ok(pid.map(|pid| (identity, pid))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(NotFound::Unreadable { path, error }),
        }
    }

    /// Returns the sockets of the process, if it is this user's and holds the lock file open.
    fn sockets(
        &self,
        process: &Path,
        pid: u32,
        lock: &Identity,
    ) -> Result<HashSet<String>, NotFound> {
        let failed = |path: &Path, error: io::Error| {
            if is_absent(&error) {
                self.not_running()
            } else {
                NotFound::Unreadable {
                    path: path.to_owned(),
                    error,
                }
            }
        };
        let user = fs::metadata(process)
            .map_err(|error| failed(process, error))?
            .uid();
        if user != self.user {
            // The number of a server that was killed may be any program's now.
            let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
            return Err(if name.trim() == "mongod" {
                NotFound::OtherUser {
                    folder: self.folder.to_owned(),
                    pid,
                    user,
                }
            } else {
                self.not_running()
            });
        }
        let descriptors = process.join("fd");
        let mut sockets = HashSet::new();
        let mut holds_lock = false;
        for descriptor in fs::read_dir(&descriptors).map_err(|error| failed(&descriptors, error))? {
            let descriptor = descriptor
                .map_err(|error| failed(&descriptors, error))?
                .path();
            // Another one may be closed at any time.
            let Ok(target) = fs::read_link(&descriptor) else {
                continue;
            };
            let socket = target.to_str().and_then(|target| {
                let inode = target.strip_prefix("socket:[")?;
                inode.strip_suffix(']')
            });
            if let Some(inode) = socket {
                sockets.insert(inode.to_owned());
            } else if target.is_absolute() {
                let file = fs::metadata(&descriptor);
                holds_lock |= file.is_ok_and(|file| identity(&file) == *lock);
            }
        }
        if holds_lock {
            Ok(sockets)
        } else {
            Err(self.not_running())
        }
    }

    /// Refuses a process whose ports are not those of this process's network.
    fn check_network(&self, process: &Path, pid: u32) -> Result<(), NotFound> {
        let network = |process: &Path| {
            let path = process.join("ns/net");
            fs::read_link(&path).map_err(|error| NotFound::Unreadable { path, error })
        };
        if network(process)? == network(&self.processes.join("self"))? {
            Ok(())
        } else {
            Err(NotFound::OtherNetwork {
                folder: self.folder.to_owned(),
                pid,
            })
        }
    }

    fn not_running(&self) -> NotFound {
        NotFound::NotRunning {
            folder: self.folder.to_owned(),
        }
    }
}

/// A file's device and number.
type Identity = (u64, u64);

fn identity(file: &fs::Metadata) -> Identity {
    (file.dev(), file.ino())
}

/// Reports whether a file, or the process that it describes, does not exist.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidData
    ) || error.raw_os_error() == Some(libc::ESRCH)
}

/// Returns the first address in one of the system's tables on which one of the sockets listens.
fn listening(table: &str, sockets: &HashSet<String>) -> Option<SocketAddr> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (&local, &state, &inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        if state != LISTENING || !sockets.contains(inode) {
            return None;
        }
        let (address, port) = local.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        Some(SocketAddr::new(reachable(parse_address(address)?), port))
    })
}

/// Parses an address: words of 32 bits in this machine's order of bytes, in hexadecimal digits.
fn parse_address(text: &str) -> Option<IpAddr> {
    let mut bytes = Vec::new();
    for word in text.as_bytes().chunks(8) {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    match bytes.len() {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into()),
        16 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical()),
        _ => None,
    }
}

/// Returns the address at which a socket is reached from this machine.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        address if !address.is_unspecified() => address,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    }
}

#[cfg(test)]
mod tests;
