//! A connection with statements that stay prepared for as long as it is open.
//!
//! `rusqlite`'s own cache finds a statement by a hash of its text, twice for each use, and copies
//! the text: 1,200 of the 9,600 instructions of a look-up. Statements that every hit or write needs
//! are therefore kept here and found by the address of their text.
//!
//! A statement borrows from its connection, which moves with it between threads. The crates for
//! values that borrow from their neighbour leave such a pair bound to its thread, so this takes
//! `unsafe` code.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use rusqlite::{Connection, PrepFlags, Statement};

/// Maximum number of statements that are kept while they are not in use.
const MOST: usize = 16;

/// A connection and its statements.
pub(in super::super) struct Connected {
    /// Statements that are not in use. Their lifetime is that of the connection: none is left when
    /// it goes, or when it is borrowed exclusively.
    idle: RefCell<Vec<(&'static str, Statement<'static>)>>,
    /// Made by `Box::leak`, so that it stays where it is when this value moves
    connection: NonNull<Connection>,
}

// SAFETY: the connection is owned, and a `Connection` may move to another thread. Its statements
// move with it, because those in use borrow from `self`. SQLite lets any thread use a connection
// and its statements, one at a time, which `rusqlite` relies on for its own cache of statements.
unsafe impl Send for Connected {}

impl Connected {
    pub(in super::super) fn new(connection: Connection) -> Self {
        Self {
            idle: RefCell::default(),
            connection: NonNull::from(Box::leak(Box::new(connection))),
        }
    }

    /// Returns a statement, which is prepared at its first use.
    pub(in super::super) fn prepare_kept(
        &self,
        sql: &'static str,
    ) -> rusqlite::Result<PreparedStatement<'_>> {
        let statement = match self.take(sql) {
            Some(statement) => statement,
            None => {
                // SAFETY: the connection outlives the statement, as `idle` says.
                let connection: &'static Connection = unsafe { self.connection.as_ref() };
                connection.prepare_with_flags(sql, PrepFlags::SQLITE_PREPARE_PERSISTENT)?
            }
        };
        Ok(PreparedStatement {
            sql,
            statement: ManuallyDrop::new(statement),
            idle: &self.idle,
        })
    }

    fn take(&self, sql: &'static str) -> Option<Statement<'static>> {
        let mut idle = self.idle.borrow_mut();
        let at = idle.iter().position(|(kept, _)| std::ptr::eq(*kept, sql))?;
        Some(idle.swap_remove(at).1)
    }

    pub(in super::super) fn into_connection(self) -> Connection {
        let this = ManuallyDrop::new(self);
        // The vector is left without an allocation.
        drop(this.idle.take());
        // SAFETY: it was made by `Box::leak`, no statement borrows from it any more, and `this` is
        // not dropped.
        *unsafe { Box::from_raw(this.connection.as_ptr()) }
    }
}

impl Deref for Connected {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        // SAFETY: it is open for as long as `self`, and only `deref_mut` borrows it exclusively.
        unsafe { self.connection.as_ref() }
    }
}

impl DerefMut for Connected {
    fn deref_mut(&mut self) -> &mut Connection {
        self.idle.get_mut().clear();
        // SAFETY: no statement borrows from it: those in use borrow from `self`.
        unsafe { self.connection.as_mut() }
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.idle.get_mut().clear();
        // SAFETY: it was made by `Box::leak`, and no statement borrows from it any more.
        drop(unsafe { Box::from_raw(self.connection.as_ptr()) });
    }
}

/// A statement in use, which is kept when this is dropped.
pub(in super::super) struct PreparedStatement<'a> {
    sql: &'static str,
    /// Not to be exchanged for one of another connection
    statement: ManuallyDrop<Statement<'static>>,
    idle: &'a RefCell<Vec<(&'static str, Statement<'static>)>>,
}

impl<'a> Deref for PreparedStatement<'a> {
    type Target = Statement<'a>;

    fn deref(&self) -> &Statement<'a> {
        &self.statement
    }
}

impl PreparedStatement<'_> {
    /// Returns the statement for running it.
    pub(in super::super) fn get(&mut self) -> &mut Statement<'static> {
        &mut self.statement
    }
}

impl Drop for PreparedStatement<'_> {
    fn drop(&mut self) {
        // SAFETY: the field is not used again.
        let mut statement = unsafe { ManuallyDrop::take(&mut self.statement) };
        // Frees the bound values.
        statement.clear_bindings();
        let mut idle = self.idle.borrow_mut();
        if idle.len() < MOST {
            idle.push((self.sql, statement));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: &str = "SELECT count(*) FROM t";

    fn count(connected: &Connected) -> i64 {
        let mut statement = connected.prepare_kept(COUNT).expect("a statement");
        let count = statement.get().query_row((), |row| row.get(0));
        count.expect("a count")
    }

    #[test]
    fn a_statement_is_prepared_once_and_moves_with_its_connection() {
        let connection = Connection::open_in_memory().expect("a connection");
        connection
            .execute_batch("CREATE TABLE t(a)")
            .expect("a table");
        let connected = Connected::new(connection);
        assert_eq!(count(&connected), 0);
        connected
            .execute_batch("INSERT INTO t VALUES (1)")
            .expect("a row");
        let thread = std::thread::spawn(move || {
            assert_eq!(count(&connected), 1);
            connected
        });
        let mut connected = thread.join().expect("the connection");
        {
            let first = connected.prepare_kept(COUNT).expect("a statement");
            let second = connected
                .prepare_kept(COUNT)
                .expect("another, as that is in use");
            assert_eq!(first.get_status(rusqlite::StatementStatus::Run), 2);
            assert_eq!(second.get_status(rusqlite::StatementStatus::Run), 0);
        }
        assert_eq!(connected.idle.borrow().len(), 2);
        // An exclusive borrow of the connection finds no statement of it.
        connected.transaction().expect("a transaction");
        assert_eq!(connected.idle.borrow().len(), 0);
        assert_eq!(count(&connected), 1);
        connected
            .into_connection()
            .close()
            .expect("no statement is left");
    }
}
