//! Points in time and clocks. A backend never reads a clock; its caller passes `now`.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::DateTime;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, MongoDB's own resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Returns a point in time from milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Returns this time as RFC 3339 in UTC with milliseconds, as in `2026-11-23T06:32:50.948Z`;
    /// `None` outside the years 0 to 9999, which it has no form for.
    ///
    /// Written by arithmetic, since a listing has three times a row: chrono's calendar alone takes
    /// several times as long, and its formatting allocates. A test compares the two.
    #[must_use]
    pub fn rfc_3339(self) -> Option<[u8; 24]> {
        let (days, millis) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY) as u32);
        let (year, month, day) = date(days);
        let year = u32::try_from(year).ok().filter(|year| *year < 10_000)?;
        let mut text = *b"0000-00-00T00:00:00.000Z";
        put_pair(&mut text, 0, year / 100);
        put_pair(&mut text, 2, year % 100);
        put_pair(&mut text, 5, month);
        put_pair(&mut text, 8, day);
        put_pair(&mut text, 11, millis / 3_600_000);
        put_pair(&mut text, 14, millis / 60_000 % 60);
        put_pair(&mut text, 17, millis / 1000 % 60);
        text[20] = b'0' + (millis % 1000 / 100) as u8;
        put_pair(&mut text, 21, millis % 100);
        Some(text)
    }

    /// This time plus `duration`; the end of time where that is out of range.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// This time minus `duration`; the beginning of time where that is out of range.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// Returns the time passed since `earlier`, zero if this is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let millis = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// Returns year, month and day of a day since 1970 in the Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last one of its year (Howard Hinnant's
/// `civil_from_days`).
fn date(days: i64) -> (i64, u32, u32) {
    /// From 0000-03-01 to 1970-01-01
    const BEFORE: i64 = 719_468;
    /// 400 years
    const ERA: i64 = 146_097;
    let shifted = days + BEFORE;
    let (era, day) = (shifted.div_euclid(ERA), shifted.rem_euclid(ERA) as u32);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + i64::from(year) + later, month, day)
}

/// Writes two digits of `value`, which is below 100, at `place`.
fn put_pair(text: &mut [u8; 24], place: usize, value: u32) {
    text[place] = b'0' + (value / 10) as u8;
    text[place + 1] = b'0' + (value % 10) as u8;
}

/// Returns a duration in whole milliseconds, at most [`u64::MAX`].
#[doc(hidden)]
#[must_use]
pub fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// RFC 3339 in UTC with milliseconds, as in `2026-11-23T06:32:50.948Z`. Outside the years 0 to 9999
/// the year has a sign and at least six digits, as in ISO 8601: `+010000-01-01T00:00:00.000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.rfc_3339() {
            return f.write_str(str::from_utf8(&text).expect("digits and separators are ASCII"));
        }
        let (days, millis) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        let (year, month, day) = date(days);
        let (hour, minute) = (millis / 3_600_000, millis / 60_000 % 60);
        let (second, millis) = (millis / 1000 % 60, millis % 1000);
        write!(
            f,
            "{year:+07}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
        )
    }
}

/// Reads the form that [`Timestamp`] has outside the years 0 to 9999, as milliseconds since 1970.
pub(crate) fn parse_expanded(text: &str) -> Option<i64> {
    /// Years after which the calendar repeats, and their milliseconds
    const CYCLE: i64 = 400;
    const CYCLE_MILLIS: i64 = 146_097 * DAY;
    let end = 1 + text.get(1..)?.find('-')?;
    let (year, rest) = text.split_at(end);
    if !year.starts_with(['+', '-']) || year.len() < 7 {
        return None;
    }
    let year: i64 = year.parse().ok()?;
    let within = 2000 + year.rem_euclid(CYCLE);
    let time = DateTime::parse_from_rfc3339(&format!("{within}{rest}")).ok()?;
    let cycles = (year - within) / CYCLE;
    let millis =
        i128::from(cycles) * i128::from(CYCLE_MILLIS) + i128::from(time.timestamp_millis());
    i64::try_from(millis).ok()
}

/// Maximum time by which [`Clock::coarse_now`] lags behind [`Clock::now`]: two ticks of the slowest
/// kernel timer.
pub const COARSE: Duration = Duration::from_millis(20);

/// A source of the current time.
pub trait Clock: Send + Sync {
    /// Returns the current time.
    fn now(&self) -> Timestamp;

    /// Returns a time that is not after the current one, and before it by no more than [`COARSE`].
    fn coarse_now(&self) -> Timestamp {
        self.now()
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = SystemTime::now();
        Timestamp(match now.duration_since(UNIX_EPOCH) {
            Ok(after) => millis(after),
            Err(before) => -millis(before.duration()),
        })
    }

    /// Returns the time of the kernel's last timer tick, which takes a quarter of the time.
    #[cfg(target_os = "linux")]
    fn coarse_now(&self) -> Timestamp {
        Timestamp(last_tick(libc::CLOCK_REALTIME_COARSE))
    }
}

/// The time since its creation, by a clock that nothing sets.
pub(crate) struct Elapsed {
    since: Instant,
    /// The coarse clock at the creation, in milliseconds, if the time is taken from it
    coarse: Option<u64>,
}

impl Elapsed {
    /// Begins to measure exactly.
    pub(crate) fn exact() -> Self {
        Self {
            since: Instant::now(),
            coarse: None,
        }
    }

    /// Begins to measure by the kernel's timer ticks, which may be early by [`COARSE`].
    pub(crate) fn coarse() -> Self {
        Self {
            coarse: coarse_millis(),
            ..Self::exact()
        }
    }

    /// Returns the time since the creation, in whole milliseconds.
    pub(crate) fn millis(&self) -> u64 {
        if let Some(created) = self.coarse
            && let Some(now) = coarse_millis()
        {
            return now.saturating_sub(created);
        }
        whole_millis(self.since.elapsed())
    }
}

/// Returns the time of the last timer tick since the machine started; `None` where the system has
/// no such clock.
fn coarse_millis() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        u64::try_from(last_tick(libc::CLOCK_MONOTONIC_COARSE)).ok()
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// Returns the time of the kernel's last timer tick by one of its clocks, in milliseconds.
///
/// The standard library has no such clock, and rustix's, which is safe, crashes under valgrind.
#[cfg(target_os = "linux")]
#[allow(
    clippy::unnecessary_cast,
    clippy::useless_conversion,
    reason = "the fields have other types on 32 bits"
)]
fn last_tick(clock: libc::clockid_t) -> i64 {
    let mut time = std::mem::MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: the struct is this call's own, and zeros are a valid value of it.
    let time = unsafe {
        libc::clock_gettime(clock, time.as_mut_ptr());
        time.assume_init()
    };
    time.tv_sec as i64 * 1000 + time.tv_nsec as i64 / 1_000_000
}

/// The time of one operation: coarse where that decides, exact where a comparison is close.
pub(crate) struct Moment<'a> {
    clock: &'a dyn Clock,
    coarse: Cell<Option<Timestamp>>,
    exact: Cell<Option<Timestamp>>,
}

impl<'a> Moment<'a> {
    /// Returns the current moment of a clock, which is read at the first use.
    pub(crate) fn now(clock: &'a dyn Clock) -> Self {
        Self {
            clock,
            coarse: Cell::new(None),
            exact: Cell::new(None),
        }
    }

    /// Returns its time, which may be early by [`COARSE`]; read at the first use.
    pub(crate) fn coarse(&self) -> Timestamp {
        if let Some(coarse) = self.coarse.get() {
            return coarse;
        }
        let coarse = self.clock.coarse_now();
        self.coarse.set(Some(coarse));
        coarse
    }

    /// Returns its exact time, which is read at the first use.
    pub(crate) fn exact(&self) -> Timestamp {
        if let Some(exact) = self.exact.get() {
            return exact;
        }
        let exact = self.clock.now();
        self.exact.set(Some(exact));
        exact
    }

    /// Reports whether it is before a time. The answer is exact.
    pub(crate) fn is_before(&self, time: Timestamp) -> bool {
        let coarse = self.coarse();
        if coarse.saturating_add(COARSE) < time {
            return true;
        }
        coarse < time && self.exact() < time
    }
}

/// A clock that stands still, for tests.
impl Clock for Timestamp {
    fn now(&self) -> Timestamp {
        *self
    }
}

/// A clock that is moved by hand, for tests of what time does.
///
/// ```
/// use std::time::Duration;
/// use ecache_core::time::{Clock, ManualClock, Timestamp};
///
/// let clock = ManualClock::new(Timestamp::from_millis(1000));
/// clock.advance(Duration::from_secs(1));
/// assert_eq!(clock.now(), Timestamp::from_millis(2000));
/// ```
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Returns a clock that stands at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Moves it to `now`, forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    /// Moves it forwards.
    pub fn advance(&self, duration: Duration) {
        self.set(self.now().saturating_add(duration));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use chrono::SecondsFormat;

    use super::*;

    /// A clock whose last tick was as long ago as it may be.
    struct Late(Timestamp);

    impl Clock for Late {
        fn now(&self) -> Timestamp {
            self.0
        }

        fn coarse_now(&self) -> Timestamp {
            self.0.saturating_sub(COARSE)
        }
    }

    proptest::proptest! {
        #[test]
        fn times_are_those_of_chrono(millis in -70_000_000_000_000_i64..300_000_000_000_000) {
            let chronos = DateTime::from_timestamp_millis(millis).expect("it is in range");
            let text = chronos.to_rfc3339_opts(SecondsFormat::Millis, true);
            let text = Some(text).filter(|text| text.len() == 24 && !text.starts_with('-'));
            let ours = Timestamp::from_millis(millis).rfc_3339();
            let ours = ours.map(|text| String::from_utf8(text.to_vec()).expect("ASCII"));
            proptest::prop_assert_eq!(ours, text);
        }
    }

    #[test]
    fn each_day_is_that_of_chrono() {
        for days in -719_530..2_932_900_i64 {
            let time = DateTime::from_timestamp_millis(days * 86_400_000).expect("in range");
            let text = time.to_rfc3339_opts(SecondsFormat::Millis, true);
            let text = Some(text).filter(|text| text.len() == 24 && !text.starts_with('-'));
            let ours = Timestamp::from_millis(days * 86_400_000).rfc_3339();
            let ours = ours.map(|text| String::from_utf8(text.to_vec()).expect("ASCII"));
            assert_eq!(ours, text);
        }
        for millis in [i64::MIN, i64::MAX] {
            assert_eq!(Timestamp::from_millis(millis).rfc_3339(), None);
        }
    }

    #[test]
    fn a_moment_compares_exactly() {
        let now = Timestamp::from_millis(1_795_415_570_948);
        for clock in [&Late(now) as &dyn Clock, &now] {
            let moment = Moment::now(clock);
            for offset in -50..50 {
                let time = Timestamp::from_millis(now.as_millis() + offset);
                assert_eq!(moment.is_before(time), offset > 0, "{offset}");
            }
            assert_eq!(moment.exact(), now);
        }
        let coarse = SystemClock.coarse_now();
        assert!(coarse <= SystemClock.now());
    }

    #[test]
    fn shows_rfc_3339_in_utc_with_milliseconds() {
        assert_eq!(
            Timestamp::from_millis(1_795_415_570_948).to_string(),
            "2026-11-23T06:32:50.948Z"
        );
        assert_eq!(
            Timestamp::from_millis(-1).to_string(),
            "1969-12-31T23:59:59.999Z"
        );
    }

    #[test]
    fn years_of_more_digits_are_text_that_is_read_again() {
        for (millis, text) in [
            (253_402_300_800_000, "+010000-01-01T00:00:00.000Z"),
            (260_995_862_802_448, "+010240-08-18T10:46:42.448Z"),
            (-62_167_219_200_001, "-000001-12-31T23:59:59.999Z"),
            (i64::MAX, "+292278994-08-17T07:12:55.807Z"),
            (i64::MIN, "-292275055-05-16T16:47:04.192Z"),
        ] {
            assert_eq!(Timestamp::from_millis(millis).to_string(), text);
            assert_eq!(parse_expanded(text), Some(millis), "{text}");
        }
        for text in [
            "",
            "+",
            "+10000-01-01T00:00:00Z",
            "2026-11-23T06:32:50Z",
            "+010000-13-01",
        ] {
            assert_eq!(parse_expanded(text), None, "{text}");
        }
    }

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        let end = Timestamp::from_millis(i64::MAX);
        assert_eq!(end.saturating_add(Duration::from_secs(1)), end);
        assert_eq!(end.saturating_add(Duration::MAX), end);
        assert_eq!(Timestamp::from_millis(0).since(end), Duration::ZERO);
    }
}
