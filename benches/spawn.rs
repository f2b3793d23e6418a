//! Runs a program once for each number, several at a time, and captures its output: the minimum
//! cost of memoizing commands.
//!
//! Usage: spawn PROGRAM COUNT WORKERS

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [program, count, workers] = words.as_slice() else {
        panic!("usage: spawn PROGRAM COUNT WORKERS");
    };
    let count: usize = count.parse().expect("a count");
    let workers: usize = workers.parse().expect("a number of workers");
    let next = AtomicUsize::new(1);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number > count {
                        break;
                    }
                    let mut command = Command::new(program);
                    command.arg(number.to_string()).stdin(Stdio::null());
                    let output = command.output().expect("it runs");
                    assert!(output.status.success());
                }
            });
        }
    });
}
