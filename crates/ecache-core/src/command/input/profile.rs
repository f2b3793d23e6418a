//! A record of the inputs that a command read, which lets a look-up recognise one of them while it
//! arrives.
//!
//! A profile is an entry of kind JSON. Its address is that of the result of a command that reads
//! nothing: a command has one or the other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::python_json::Json;

/// Inputs that are remembered, the latest first.
const INPUTS: usize = 64;

/// Bytes of marks that are remembered, over all inputs.
const MARKS: usize = 1 << 20;

/// Marks are taken at these lengths, and then at each multiple of [`STEP`].
const FIRST: [u64; 3] = [64, 1024, 4096];

/// The distance of marks in a long stream: 0.05 % of it are marks.
const STEP: u64 = 1 << 14;

/// A hash of the beginning of a stream.
pub(super) type Mark = [u8; 8];

/// The inputs that a command read to the end, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Profile {
    /// Inputs that it read to the end
    pub(crate) inputs: Vec<Seen>,
}

/// An input that a command read to the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    length: u64,
    sha256: [u8; 32],
    /// The command printed before it had read everything, so it must not wait long for the rest
    pub(super) is_early: bool,
    marks: Vec<Mark>,
}

impl Seen {
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.sha256
    }
}

impl Profile {
    /// Adds an input, or moves it to the front, and drops the oldest beyond the limits.
    pub(crate) fn add(&mut self, seen: Seen) {
        self.inputs.retain(|other| other.sha256 != seen.sha256);
        self.inputs.insert(0, seen);
        let mut marks = 0;
        let fits = |seen: &&Seen| {
            marks += seen.marks.len() * size_of::<Mark>();
            marks <= MARKS
        };
        let kept = self.inputs.iter().take(INPUTS).take_while(fits).count();
        self.inputs.truncate(kept);
    }

    /// Returns the JSON text to store.
    pub(crate) fn to_json(&self) -> String {
        let inputs = self.inputs.iter().map(|seen| {
            Json::Object(vec![
                ("bytes".into(), Json::from(seen.length as i64)),
                ("early".into(), Json::from(seen.is_early)),
                (
                    "marks".into(),
                    Json::from(STANDARD.encode(seen.marks.as_flattened()).as_str()),
                ),
                (
                    "sha256".into(),
                    Json::from(STANDARD.encode(seen.sha256).as_str()),
                ),
            ])
        });
        let inputs = Json::Array(inputs.collect());
        Json::Object(vec![("reads".into(), inputs)]).dumps()
    }

    /// Parses a stored profile; returns `None` for anything else.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let json = Json::parse(text).ok()?;
        let Json::Array(inputs) = json.get("reads")? else {
            return None;
        };
        let seen = |input: &Json| {
            let marks = STANDARD.decode(input.get("marks")?.as_str()?).ok()?;
            let (marks, rest) = marks.as_chunks();
            let Json::Integer(length) = input.get("bytes")? else {
                return None;
            };
            rest.is_empty().then_some(Seen {
                length: u64::try_from(*length).ok()?,
                sha256: STANDARD
                    .decode(input.get("sha256")?.as_str()?)
                    .ok()?
                    .try_into()
                    .ok()?,
                is_early: *input.get("early")? == Json::from(true),
                marks: marks.to_vec(),
            })
        };
        let inputs = inputs.iter().map(seen).collect::<Option<_>>()?;
        Some(Self { inputs })
    }
}

/// Hashes a stream and takes its marks.
#[derive(Clone, Debug, Default)]
pub(super) struct Hasher {
    hash: Sha256,
    length: u64,
    marks: Vec<Mark>,
}

impl Hasher {
    /// Adds the next bytes.
    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let to_mark = usize::try_from(place(self.marks.len()) - self.length);
            let count = to_mark.unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(count);
            self.hash.update(now);
            self.length += count as u64;
            if self.length == place(self.marks.len()) {
                let hash = self.hash.clone().finalize();
                self.marks
                    .push(*hash.first_chunk().expect("a hash is longer"));
            }
            bytes = later;
        }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn sha256(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }

    /// Returns the description of the stream, which ends here.
    pub(super) fn seen(&self, is_early: bool) -> Seen {
        Seen {
            length: self.length,
            sha256: self.sha256(),
            is_early,
            marks: self.marks.clone(),
        }
    }

    /// Reports whether this may be the beginning of a known input.
    pub(super) fn may_become(&self, seen: &Seen) -> bool {
        self.length <= seen.length && seen.marks.starts_with(&self.marks)
    }

    /// Returns the length up to which the marks prove equality with every input that passes
    /// [`Hasher::may_become`].
    pub(super) fn verified(&self) -> u64 {
        self.marks.len().checked_sub(1).map_or(0, place)
    }
}

/// Returns the stream length at which a mark is taken.
fn place(index: usize) -> u64 {
    match FIRST.get(index) {
        Some(place) => *place,
        None => (index - FIRST.len() + 1) as u64 * STEP,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher(bytes: &[u8]) -> Hasher {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher
    }

    #[test]
    fn marks_do_not_depend_on_how_a_stream_comes() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
        let whole = hasher(&bytes);
        let mut pieces = Hasher::default();
        for piece in bytes.chunks(777) {
            pieces.update(piece);
        }
        assert_eq!(whole.seen(false), pieces.seen(false));
        assert_eq!(whole.sha256(), *Sha256::digest(&bytes));
        assert_eq!(whole.marks.len(), FIRST.len() + 6);
        assert_eq!(whole.verified(), 6 * STEP);
    }

    #[test]
    fn a_beginning_is_recognised_until_it_differs() {
        let bytes = vec![7; 100_000];
        let seen = hasher(&bytes).seen(false);
        for length in [0, 63, 64, 5000, 99_999, 100_000] {
            assert!(hasher(&bytes[..length]).may_become(&seen), "{length}");
        }
        assert!(!hasher(&vec![7; 100_001]).may_become(&seen));
        let mut other = bytes;
        other[70] = 8;
        assert!(hasher(&other[..1023]).may_become(&seen));
        assert!(!hasher(&other[..1024]).may_become(&seen));
    }

    #[test]
    fn is_what_was_stored() {
        let mut profile = Profile::default();
        assert_eq!(
            Profile::parse(profile.to_json().as_bytes()).as_ref(),
            Some(&profile)
        );
        profile.add(hasher(&[1; 5000]).seen(true));
        profile.add(hasher(b"").seen(false));
        profile.add(hasher(&[1; 5000]).seen(false));
        assert_eq!(profile.inputs.len(), 2);
        assert_eq!(
            Profile::parse(profile.to_json().as_bytes()).as_ref(),
            Some(&profile)
        );
        for text in ["[]", "{}", r#"{"reads": 1}"#, r#"{"reads": [{}]}"#, "x"] {
            assert_eq!(Profile::parse(text.as_bytes()), None, "{text}");
        }
        for length in 0..100 {
            profile.add(hasher(&vec![2; length]).seen(false));
        }
        assert_eq!(profile.inputs.len(), INPUTS);
        profile.add(hasher(&vec![3; 1 << 22]).seen(false));
        assert_eq!(profile.inputs[0].length, 1 << 22);
    }
}
