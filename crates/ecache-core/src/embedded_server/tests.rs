//! A process table like that of Linux, made of files, and a process of this user that listens.

use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use super::*;

const PID: u32 = 4711;
const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

/// A folder of data that process [`PID`] serves, and the table of processes.
struct Machine {
    root: tempfile::TempDir,
}

impl Machine {
    /// Returns a server that listens on 127.0.0.1:43673, as FiftyOne's does.
    fn serving() -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        let machine = Self { root };
        fs::create_dir_all(machine.path("data")).expect("a folder");
        fs::create_dir_all(machine.path("proc/self/ns")).expect("a folder");
        symlink("net:[1]", machine.path("proc/self/ns/net")).expect("a link");
        for folder in ["fd", "ns", "net"] {
            fs::create_dir_all(machine.process(folder)).expect("a folder");
        }
        machine.write("data/mongod.lock", &format!("{PID}\n"));
        fs::write(machine.process("comm"), "mongod\n").expect("a file");
        symlink("net:[1]", machine.process("ns/net")).expect("a link");
        symlink("/dev/null", machine.process("fd/0")).expect("a link");
        symlink("pipe:[77]", machine.process("fd/1")).expect("a link");
        symlink(machine.path("data/mongod.lock"), machine.process("fd/15")).expect("a link");
        symlink("socket:[900]", machine.process("fd/16")).expect("a link");
        symlink("socket:[901]", machine.process("fd/17")).expect("a link");
        machine.table(
            "tcp",
            &[
                (&words("7f000001"), "1F90", "0A", "555"),
                (&words("7f000001"), "AA99", "01", "901"),
                (&words("7f000001"), "AA99", "0A", "900"),
            ],
        );
        machine.table("tcp6", &[]);
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn process(&self, name: &str) -> PathBuf {
        self.path("proc").join(PID.to_string()).join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
    }

    fn table(&self, name: &str, rows: &[(&str, &str, &str, &str)]) {
        let mut table = HEAD.to_owned();
        for (number, (address, port, state, inode)) in rows.iter().enumerate() {
            table += &format!(
                "{number:4}: {address}:{port} 00000000:0000 {state} 00000000:00000000 \
                 00:00000000 00000000  1000        0 {inode} 1 0000000083ffe181 100 0 0 10 1024\n"
            );
        }
        fs::write(self.process("net").join(name), table).expect("a file");
    }

    fn search_as(&self, user: u32) -> Result<String, NotFound> {
        let search = Search {
            folder: &self.path("data"),
            processes: &self.path("proc"),
            user,
        };
        search.address().map(|address| address.to_string())
    }

    fn search(&self) -> Result<String, NotFound> {
        self.search_as(rustix::process::geteuid().as_raw())
    }

    fn is_not_running(&self) -> bool {
        matches!(self.search(), Err(NotFound::NotRunning { .. }))
    }
}

/// Returns an address as the system's tables have it on this machine.
fn words(network_order: &str) -> String {
    let words = network_order.as_bytes().chunks(8).map(|word| {
        let word = std::str::from_utf8(word).expect("digits");
        let word = u32::from_str_radix(word, 16).expect("digits");
        format!("{:08X}", u32::from_ne_bytes(word.to_be_bytes()))
    });
    words.collect()
}

#[test]
fn a_server_is_found_by_the_port_that_its_process_listens_on() {
    let machine = Machine::serving();
    assert_eq!(machine.search().expect("it runs"), "127.0.0.1:43673");
}

#[test]
fn a_server_that_listens_elsewhere_is_found_there() {
    let machine = Machine::serving();
    for (table, address, expected) in [
        ("tcp", "00000000", "127.0.0.1:43673"),
        ("tcp", "0a000005", "10.0.0.5:43673"),
        ("tcp6", "00000000000000000000000000000000", "[::1]:43673"),
        ("tcp6", "00000000000000000000000000000001", "[::1]:43673"),
        (
            "tcp6",
            "00000000000000000000ffff7f000001",
            "127.0.0.1:43673",
        ),
    ] {
        machine.table("tcp", &[]);
        machine.table(table, &[(&words(address), "AA99", "0A", "900")]);
        assert_eq!(machine.search().expect("it runs"), expected);
    }
}

#[test]
fn no_server_runs_where_none_left_a_number() {
    let machine = Machine::serving();
    for text in ["", "\n", "pid\n", "-1\n", "4711 4712\n", "99999999999999\n"] {
        machine.write("data/mongod.lock", text);
        assert!(machine.is_not_running(), "{text:?}");
    }
    fs::write(machine.path("data/mongod.lock"), [0xff, b'\n']).expect("a file");
    assert!(machine.is_not_running());
    fs::remove_file(machine.path("data/mongod.lock")).expect("it is there");
    assert!(machine.is_not_running());
    fs::remove_dir(machine.path("data")).expect("it is there");
    assert!(machine.is_not_running());
    machine.write("data", "a file");
    assert!(machine.is_not_running());
}

#[test]
fn a_named_pipe_in_the_place_of_the_lock_is_not_waited_for() {
    let machine = Machine::serving();
    let lock = machine.path("data/mongod.lock");
    fs::remove_file(&lock).expect("it is there");
    let mode = rustix::fs::Mode::from(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &lock, rustix::fs::FileType::Fifo, mode, 0)
        .expect("a named pipe");
    assert!(machine.is_not_running());
}

#[test]
fn the_number_of_a_server_that_was_killed_means_nothing() {
    let machine = Machine::serving();
    fs::remove_dir_all(machine.process("")).expect("it is there");
    assert!(machine.is_not_running());
}

#[test]
fn a_process_without_the_lock_is_another_one() {
    let machine = Machine::serving();
    let lock = machine.process("fd/15");
    fs::remove_file(&lock).expect("it is there");
    assert!(machine.is_not_running(), "it took over the number");
    fs::create_dir(machine.path("other")).expect("a folder");
    machine.write("other/mongod.lock", &format!("{PID}\n"));
    symlink(machine.path("other/mongod.lock"), &lock).expect("a link");
    assert!(machine.is_not_running(), "it serves another folder");
}

#[test]
fn a_server_of_another_user_is_not_used() {
    let machine = Machine::serving();
    let me = rustix::process::geteuid().as_raw();
    assert!(matches!(
        machine.search_as(me + 1),
        Err(NotFound::OtherUser { pid: PID, user, .. }) if user == me
    ));
    fs::write(machine.process("comm"), "bash\n").expect("a file");
    assert!(matches!(
        machine.search_as(me + 1),
        Err(NotFound::NotRunning { .. })
    ));
}

#[test]
fn a_server_in_a_container_is_not_looked_for_in_this_network() {
    let machine = Machine::serving();
    fs::remove_file(machine.process("ns/net")).expect("it is there");
    symlink("net:[2]", machine.process("ns/net")).expect("a link");
    assert!(matches!(
        machine.search(),
        Err(NotFound::OtherNetwork { pid: PID, .. })
    ));
}

#[test]
fn a_server_that_is_starting_is_told_from_none() {
    let machine = Machine::serving();
    machine.table("tcp", &[(&words("7f000001"), "AA99", "0A", "555")]);
    assert!(matches!(
        machine.search(),
        Err(NotFound::NotListening { pid: PID, .. })
    ));
}

#[test]
fn a_system_without_a_table_of_processes_is_told_from_no_server() {
    let machine = Machine::serving();
    fs::remove_dir_all(machine.path("proc")).expect("it is there");
    assert!(matches!(
        machine.search(),
        Err(NotFound::NoProcesses { .. })
    ));
}

#[test]
fn the_port_of_a_real_process_is_found() {
    const LISTEN: &str = "ECACHE_TEST_LISTEN";
    if let Some(folder) = std::env::var_os(LISTEN) {
        listen(Path::new(&folder));
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let name = "embedded_server::tests::the_port_of_a_real_process_is_found";
    let mut server = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", name, "--nocapture"])
        .env(LISTEN, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program starts");
    let mut said = String::new();
    let mut stdout = io::BufReader::new(server.stdout.take().expect("a pipe"));
    while !said.contains("listening") {
        said.clear();
        let read = io::BufRead::read_line(&mut stdout, &mut said).expect("it says so");
        assert_ne!(read, 0, "it listens");
    }
    let port = said.rsplit(' ').next().expect("a port").trim();
    let search = Search {
        folder: folder.path(),
        processes: Path::new("/proc"),
        user: rustix::process::geteuid().as_raw(),
    };
    let found = search.address().expect("it runs").to_string();
    assert_eq!(found, format!("127.0.0.1:{port}"));
    drop(server.stdin.take());
    server.wait().expect("it ends");
    assert!(matches!(search.address(), Err(NotFound::NotRunning { .. })));
}

/// Serves a folder until standard input ends.
fn listen(folder: &Path) {
    let lock = folder.join(LOCK);
    fs::write(&lock, format!("{}\n", std::process::id())).expect("a file");
    let _lock = fs::File::open(&lock).expect("a file");
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("an address").port();
    println!("\nlistening {port}");
    io::copy(&mut io::stdin(), &mut io::sink()).expect("it ends");
}
