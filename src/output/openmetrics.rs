//! Metrics in the OpenMetrics text format, which is also one that Prometheus reads.
//!
//! Both formats name a gauge alike. They differ for counters, and sums over a period are no
//! counters: they fall when old calls leave the period.

use std::io::{self, Write};

/// Writes metrics family by family.
pub(crate) struct OpenMetrics<W> {
    sink: W,
}

impl<W: Write> OpenMetrics<W> {
    pub(crate) fn new(sink: W) -> Self {
        Self { sink }
    }

    /// Begins a family of gauges.
    pub(crate) fn gauge(&mut self, name: &str, help: &str) -> io::Result<()> {
        writeln!(self.sink, "# HELP {name} {help}\n# TYPE {name} gauge")
    }

    /// Writes one sample of the family.
    pub(crate) fn sample(
        &mut self,
        name: &str,
        labels: &[(&str, String)],
        value: &str,
    ) -> io::Result<()> {
        self.sink.write_all(name.as_bytes())?;
        for (index, (label, text)) in labels.iter().enumerate() {
            let before = if index == 0 { "{" } else { "," };
            write!(self.sink, "{before}{label}=\"{}\"", escaped(text))?;
        }
        let after = if labels.is_empty() { "" } else { "}" };
        writeln!(self.sink, "{after} {value}")
    }

    /// Marks the end: without the mark, a reader knows that it was cut off.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.sink.write_all(b"# EOF\n")?;
        self.sink.flush()
    }
}

fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    text.replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_their_labels() {
        let mut bytes = Vec::new();
        let mut metrics = OpenMetrics::new(&mut bytes);
        metrics.gauge("a_bytes", "Size").expect("written");
        let label = |text: &str| [("store", text.to_owned())];
        for (text, value) in [("a\"} 1\nb", "2"), ("c\\", "0.5")] {
            metrics
                .sample("a_bytes", &label(text), value)
                .expect("written");
        }
        metrics.sample("a_bytes", &[], "3").expect("written");
        metrics.finish().expect("written");
        let expected = r#"# HELP a_bytes Size
# TYPE a_bytes gauge
a_bytes{store="a\"} 1\nb"} 2
a_bytes{store="c\\"} 0.5
a_bytes 3
# EOF
"#;
        assert_eq!(String::from_utf8_lossy(&bytes), expected);
    }
}
