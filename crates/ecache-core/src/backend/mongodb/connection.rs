//! From a URI to a client, and from the driver's errors to ours.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use mongodb::error::{
    CommandError, Error as DriverError, ErrorKind, InsertManyError, Result as DriverResult,
    WriteFailure,
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
        let Refusal { kind, detail } = Refusal::of(&error);
        match kind {
            RefusalKind::Unreachable => Error::Unreachable { host, detail },
            RefusalKind::Denied => Error::Denied { host, detail },
            RefusalKind::WriteConcern => Error::WriteConcern { host, detail },
            RefusalKind::Server => Error::Server { host, detail },
        }
    }
}

/// An error of the driver, without what it may show of the URI.
struct Refusal {
    kind: RefusalKind,
    detail: String,
}

enum RefusalKind {
    /// No server answers
    Unreachable,
    /// The server does not know the user, or does not let them
    Denied,
    /// Too few servers have the write
    WriteConcern,
    /// The server fails for another reason
    Server,
}

impl Refusal {
    fn new(kind: RefusalKind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { kind, detail }
    }

    fn of(error: &DriverError) -> Self {
        use RefusalKind::{Denied, Server, Unreachable};
        match &*error.kind {
            ErrorKind::ServerSelection { message, .. } => {
                Self::new(Unreachable, selection_detail(message))
            }
            ErrorKind::Io(io) => Self::new(Unreachable, io.to_string()),
            ErrorKind::DnsResolve { message, .. }
            | ErrorKind::ConnectionPoolCleared { message, .. } => Self::new(Unreachable, message),
            ErrorKind::Authentication { .. } => Self::new(Denied, "authentication failed"),
            ErrorKind::Command(command) => Self::of_command(command),
            ErrorKind::Write(WriteFailure::WriteError(write)) => Self::new(Server, &write.message),
            ErrorKind::Write(WriteFailure::WriteConcernError(concern))
            | ErrorKind::InsertMany(InsertManyError {
                write_concern_error: Some(concern),
                ..
            }) => Self::of_concern(concern.code, &concern.message),
            ErrorKind::Custom(custom) => match custom.downcast_ref() {
                Some(failure) => Self::of_failure(failure),
                None => Self::new(Server, error.to_string()),
            },
            _ => Self::new(Server, error.to_string()),
        }
    }

    fn of_command(command: &CommandError) -> Self {
        let (code, message) = (command.code, &command.message);
        match code {
            13 | 18 | 8000 => Self::new(RefusalKind::Denied, denial(message)),
            _ if is_of_election(code) => Self::new(RefusalKind::Server, election(message)),
            _ if is_of_concern(code, message) => Self::new(RefusalKind::WriteConcern, message),
            _ => {
                let detail = format!("{message} ({})", command.code_name);
                Self::new(RefusalKind::Server, detail)
            }
        }
    }

    /// Returns the refusal of a server that cannot have the other ones write.
    fn of_concern(code: i32, message: &str) -> Self {
        if is_of_election(code) {
            Self::new(RefusalKind::Server, election(message))
        } else {
            Self::new(RefusalKind::WriteConcern, message)
        }
    }

    fn of_failure(failure: &Failure) -> Self {
        if failure.is_of_concern {
            Self::of_concern(failure.code, &failure.detail)
        } else if is_of_election(failure.code) {
            Self::new(RefusalKind::Server, election(&failure.detail))
        } else {
            Self::new(RefusalKind::Server, &failure.detail)
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
