//! From a URI to a client, and from the driver's errors to ours.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use mongodb::error::{
    Error as DriverError, ErrorKind, InsertManyError, Result as DriverResult, WriteFailure,
};
use mongodb::event::EventHandler;
use mongodb::event::sdam::SdamEvent;
use mongodb::options::{
    Acknowledgment, ClientOptions, DatabaseOptions, ReadPreference, SelectionCriteria,
    ServerAddress, ServerMonitoringMode,
};
use mongodb::{Client, Database};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::timeout;

use super::driver::Driver;
use super::failure::Failure;
use super::{Changed, MongoBackend, uri};
use crate::backend::Access;
use crate::error::{Error, Result};

/// FiftyOne's database, unless the URI names one.
pub const DEFAULT_DATABASE: &str = "fiftyone";

/// Time-out for reaching a server, unless the URI has one.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connects, and waits until a server has answered.
///
/// Without this, the first operation would wait for the whole time-out even if every server
/// refuses, since the driver keeps retrying. Here the failure is known as soon as each server has
/// failed once.
pub(super) fn open(uri: &str, access: Access, hurry: Option<Duration>) -> Result<MongoBackend> {
    let (parsed, _) = uri::parse(uri)?;
    let concern = parsed.write_concern.as_ref();
    if concern.is_some_and(|concern| concern.w == Some(Acknowledgment::Nodes(0))) {
        return Err(Error::Unacknowledged);
    }
    let (sender, mut events) = mpsc::unbounded_channel();
    let mut asked = None;
    let driver = Driver::new(async || {
        let mut options = ClientOptions::parse(parsed).await?;
        prepare(&mut options, hurry);
        options.sdam_event_handler = Some(EventHandler::callback(move |event| {
            // The receiver is dropped once a server has answered.
            let _ = sender.send(event);
        }));
        asked = Some(options.clone());
        Client::with_options(options)
    });
    // The driver's own message may repeat the URI, and so the password.
    let driver = driver.map_err(|_| uri::invalid())?;
    let asked = asked.expect("a client has options");
    let hosts: Vec<String> = asked.hosts.iter().map(ToString::to_string).collect();
    let name = asked
        .default_database
        .as_deref()
        .unwrap_or(DEFAULT_DATABASE);
    let database = match access {
        Access::Read => driver.client.database(name),
        Access::Write | Access::WriteDurably => primary(&driver, name),
    };
    let backend = MongoBackend {
        database,
        driver: Arc::new(driver),
        host: hosts.join(",").into(),
        access,
        indexed: Arc::default(),
        stores: Arc::default(),
        changed: None,
    };
    // Behind a load balancer, the driver contacts no server before the first operation.
    if asked.load_balanced != Some(true) {
        let patience = asked.server_selection_timeout.unwrap_or(PATIENCE);
        let answer = async { timeout(patience, any_answer(&mut events, asked.hosts)).await };
        let failure = match backend.driver.run(answer) {
            Ok(answer) => answer.err().map(|error| backend.error(error)),
            Err(_) => Some(Error::Unreachable {
                host: backend.host.to_string(),
                detail: format!("no answer within {patience:?}"),
            }),
        };
        if let Some(failure) = failure {
            return Err(failure);
        }
    }
    Ok(backend)
}

/// Waits until one server has answered or all of them have failed.
async fn any_answer(
    events: &mut UnboundedReceiver<SdamEvent>,
    hosts: Vec<ServerAddress>,
) -> DriverResult<()> {
    let mut left: HashSet<ServerAddress> = hosts.into_iter().collect();
    while let Some(event) = events.recv().await {
        match event {
            SdamEvent::ServerHeartbeatSucceeded(_) => break,
            SdamEvent::ServerHeartbeatFailed(event) => {
                left.remove(&event.server_address);
                if left.is_empty() {
                    return Err(event.failure);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Sets the options that the URI leaves open, and caps its timeouts at `hurry`.
fn prepare(options: &mut ClientOptions, hurry: Option<Duration>) {
    options.app_name.get_or_insert_with(|| "ecache".into());
    // Streaming takes two more connections to each server, and learns nothing that an operation
    // does not find out.
    options
        .server_monitoring_mode
        .get_or_insert(ServerMonitoringMode::Poll);
    for timeout in [
        &mut options.server_selection_timeout,
        &mut options.connect_timeout,
    ] {
        let patience = timeout.unwrap_or(PATIENCE);
        *timeout = Some(hurry.map_or(patience, |hurry| hurry.min(patience)));
    }
}

/// Returns a database whose reads go to the primary.
fn primary(driver: &Driver, name: &str) -> Database {
    let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
    let options = DatabaseOptions::builder().selection_criteria(primary);
    driver.client.database_with_options(name, options.build())
}

impl MongoBackend {
    /// Returns a backend that reads from the primary, also where the URI prefers secondaries.
    pub(super) fn on_primary(&self) -> Self {
        Self {
            database: primary(&self.driver, self.database.name()),
            driver: self.driver.clone(),
            host: self.host.clone(),
            access: self.access,
            indexed: self.indexed.clone(),
            stores: self.stores.clone(),
            changed: self.changed.clone(),
        }
    }

    /// Returns a backend for writing over the same connections.
    pub(super) fn with_access(&self, access: Access) -> Self {
        Self {
            access,
            ..self.on_primary()
        }
    }

    /// Returns a backend that adds the stores that it changes to `changed`.
    pub(super) fn recording(&self, changed: &Changed) -> Self {
        Self {
            database: self.database.clone(),
            changed: Some(changed.clone()),
            ..self.on_primary()
        }
    }

    /// Converts an error of the driver to one that can be acted on, and never shows the password.
    pub(super) fn error(&self, error: DriverError) -> Error {
        let host = self.host.to_string();
        let denied = |code: i32| matches!(code, 13 | 18 | 8000);
        match &*error.kind {
            ErrorKind::ServerSelection { message, .. } => Error::Unreachable {
                host,
                detail: selection_detail(message),
            },
            ErrorKind::Io(io) => Error::Unreachable {
                host,
                detail: io.to_string(),
            },
            ErrorKind::DnsResolve { message, .. }
            | ErrorKind::ConnectionPoolCleared { message, .. } => Error::Unreachable {
                host,
                detail: message.clone(),
            },
            ErrorKind::Authentication { .. } => Error::Denied {
                host,
                detail: "authentication failed".into(),
            },
            ErrorKind::Command(command) if denied(command.code) => Error::Denied {
                host,
                detail: denial(&command.message),
            },
            ErrorKind::Command(command) if is_of_election(command.code) => Error::Server {
                host,
                detail: election(&command.message),
            },
            ErrorKind::Write(WriteFailure::WriteConcernError(concern))
            | ErrorKind::InsertMany(InsertManyError {
                write_concern_error: Some(concern),
                ..
            }) if is_of_election(concern.code) => Error::Server {
                host,
                detail: election(&concern.message),
            },
            ErrorKind::Command(command) if is_of_concern(command.code, &command.message) => {
                Error::WriteConcern {
                    host,
                    detail: command.message.clone(),
                }
            }
            ErrorKind::Command(command) => Error::Server {
                host,
                detail: format!("{} ({})", command.message, command.code_name),
            },
            ErrorKind::Write(WriteFailure::WriteError(write)) => Error::Server {
                host,
                detail: write.message.clone(),
            },
            ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => Error::WriteConcern {
                host,
                detail: concern.message.clone(),
            },
            ErrorKind::InsertMany(InsertManyError {
                write_concern_error: Some(concern),
                ..
            }) => Error::WriteConcern {
                host,
                detail: concern.message.clone(),
            },
            ErrorKind::Custom(custom) => match custom.downcast_ref() {
                Some(Failure { code, detail, .. }) if is_of_election(*code) => Error::Server {
                    host,
                    detail: election(detail),
                },
                Some(Failure {
                    is_of_concern: true,
                    detail,
                    ..
                }) => Error::WriteConcern {
                    host,
                    detail: detail.clone(),
                },
                Some(Failure { detail, .. }) => Error::Server {
                    host,
                    detail: detail.clone(),
                },
                None => Error::Server {
                    host,
                    detail: error.to_string(),
                },
            },
            _ => Error::Server {
                host,
                detail: error.to_string(),
            },
        }
    }
}

/// Reports whether a server stopped a command because it is no longer the primary, or ends. A write
/// may have been done.
fn is_of_election(code: i32) -> bool {
    const STOPPED: [i32; 7] = [91, 189, 10107, 11600, 11602, 13435, 13436];
    STOPPED.contains(&code)
}

fn election(message: &str) -> String {
    format!("its primary has changed, try again: {message}")
}

/// Reports whether a server refuses a command for its write concern.
fn is_of_concern(code: i32, message: &str) -> bool {
    const BAD_VALUE: i32 = 2;
    const UNKNOWN_MODE: i32 = 79;
    const UNSATISFIABLE: i32 = 100;
    matches!(code, UNKNOWN_MODE | UNSATISFIABLE) || code == BAD_VALUE && message.contains("'w'")
}

/// Returns a server's refusal with the name of the command alone, of which the server repeats all.
fn denial(message: &str) -> String {
    let Some((refusal, command)) = message.split_once(" to execute command { ") else {
        return message.to_owned();
    };
    let name = command.split(':').next().unwrap_or(command);
    format!("{refusal} to execute {name}")
}

/// Describes why no server was selected, with the first server's error.
fn selection_detail(message: &str) -> String {
    let within = |text: &'static str| message.split_once(text).map(|(_, rest)| rest);
    let reason = within("Error: Kind: ").and_then(|rest| rest.split(", labels").next());
    match reason {
        Some(reason) => format!("no server that can be used answered: {reason}"),
        None => "no server that can be used answered".into(),
    }
}

/// Reports whether a write failed because a document of that name exists already.
pub(super) fn is_duplicate(error: &DriverError) -> bool {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(write)) => write.code == 11000,
        ErrorKind::Command(command) => command.code == 11000,
        ErrorKind::Custom(custom) => {
            let failure: Option<&Failure> = custom.downcast_ref();
            failure.is_some_and(|failure| failure.code == 11000)
        }
        _ => false,
    }
}
