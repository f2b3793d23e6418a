//! Progress of long work on standard error: only on a terminal that can redraw, and only if it
//! takes long.

use std::fmt::Write;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::Terminal;
use super::plain::is_unicode;

/// Work that is done sooner than this shows nothing.
const PATIENCE: Duration = Duration::from_millis(500);

/// The template for work whose size is known.
const COUNTED: &str = "{msg} {bar:30} {human_pos}/{human_len} {rate} {eta}";

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("the templates are valid");
    let style = if is_unicode() {
        style
    } else {
        style.progress_chars("#- ")
    };
    style.with_key("rate", |state: &ProgressState, out: &mut dyn Write| {
        // Drawing reports a failed write.
        let _ = out.write_str(&rate(state.per_sec()));
    })
}

/// Formats a rate per second, or per minute below one per second, with tenths below ten.
fn rate(per_second: f64) -> String {
    match per_second {
        10.0.. => format!("{per_second:.0}/s"),
        1.0.. => format!("{per_second:.1}/s"),
        _ => format!("{:.1}/min", per_second * 60.0),
    }
}

/// A counter on standard error that appears when the work takes longer than half a second.
///
/// It changes no mode of the terminal, so a signal that ends the process leaves nothing to be
/// restored.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Time at which the bar appears, until it has; `None` off a terminal
    appears_at: Option<Instant>,
}

impl Progress {
    /// Starts work that is called `verb`, as in `exporting`, on `total` things if their number is
    /// known.
    pub(crate) fn new(terminal: &Terminal, verb: &'static str, total: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        bar.set_message(verb);
        let template = match total {
            Some(_) => COUNTED,
            None => "{msg} {human_pos} {elapsed}",
        };
        bar.set_style(style(template));
        let is_seen = terminal.stderr_is_terminal && !terminal.dumb;
        Self {
            bar,
            appears_at: is_seen.then(|| Instant::now() + PATIENCE),
        }
    }

    /// Learns how many things there are.
    pub(crate) fn set_total(&mut self, total: u64) {
        if self.bar.length() != Some(total) {
            self.bar.set_length(total);
            self.bar.set_style(style(COUNTED));
        }
    }

    /// Learns that `done` things are done.
    pub(crate) fn set_done(&mut self, done: u64) {
        let before = self.bar.position();
        self.advance(done.saturating_sub(before));
    }

    /// Counts `count` more things as done.
    pub(crate) fn advance(&mut self, count: u64) {
        if self.appears_at.is_some_and(|at| Instant::now() >= at) {
            self.appears_at = None;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.inc(count);
    }

    /// Removes the bar, so that further output starts on a clean line.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_terminal_that_can_redraw_ever_shows_progress() {
        let dumb = Terminal {
            dumb: true,
            ..Terminal::of_width(80)
        };
        for terminal in [Terminal::PIPE, dumb] {
            assert!(
                Progress::new(&terminal, "exporting", None)
                    .appears_at
                    .is_none()
            );
        }
    }

    #[test]
    fn a_rate_has_no_digits_that_say_nothing() {
        assert_eq!(rate(7.9779), "8.0/s");
        assert_eq!(rate(0.0416), "2.5/min");
        assert_eq!(rate(12_345.678), "12346/s");
    }

    #[test]
    fn short_work_shows_nothing_and_is_counted() {
        let mut progress = Progress::new(&Terminal::of_width(80), "exporting", Some(3));
        progress.advance(2);
        assert!(progress.bar.is_hidden());
        assert_eq!(progress.bar.position(), 2);
        progress.finish();
    }
}
