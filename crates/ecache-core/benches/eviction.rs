//! Replays a trace of accesses against [`ecache_core::eviction`], with the clock of the trace.
//!
//! Usage: eviction TRACE PERCENT… prints, for each percentage of the footprint, the share of the
//! computing time that hits save. A record of a trace is 20 bytes, little-endian: time in
//! milliseconds (8), id, size, cost in milliseconds (4 each). `benches/limits` makes them.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fs;

use ecache_core::eviction::{Candidate, HEADROOM, SAMPLE, most_ahead, order, sample_size};

/// One access.
struct Access {
    at: u64,
    id: u32,
    size: u32,
    cost: u32,
}

impl Access {
    fn read(record: &[u8; 20]) -> Self {
        let number = |from: usize| {
            let bytes = record[from..from + 4].try_into();
            u32::from_le_bytes(bytes.expect("four bytes"))
        };
        Self {
            at: u64::from(number(0)) | u64::from(number(4)) << 32,
            id: number(8),
            size: number(12),
            cost: number(16),
        }
    }
}

/// A cached result.
struct Kept {
    access: Access,
    hits: u64,
    used_at: u64,
}

/// The state of a fixed generator, so that each run chooses the same samples.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// The place of an entry among those that are sampled, and its number, as in a store.
type Place = (u32, u32);

/// A cache of a capacity, which makes room as a store in a file does.
struct Cache {
    capacity: u64,
    used: u64,
    written: u32,
    places: HashMap<u32, Place>,
    kept: BTreeMap<Place, Kept>,
    random: Random,
}

impl Cache {
    fn new(capacity: u64) -> Self {
        Self {
            capacity,
            used: 0,
            written: 0,
            places: HashMap::new(),
            kept: BTreeMap::new(),
            random: Random(88_172_645_463_325_252),
        }
    }

    /// Reports whether the access is a hit; keeps the result of a miss.
    fn access(&mut self, access: Access) -> bool {
        if let Some(place) = self.places.get(&access.id) {
            let kept = self.kept.get_mut(place).expect("it has a place");
            kept.hits += 1;
            kept.used_at = access.at;
            return true;
        }
        if u64::from(access.size) <= self.capacity {
            let now = access.at;
            self.used += u64::from(access.size);
            self.written += 1;
            // Eight that were written one after the other have one place.
            let place = (
                (self.written >> 3).wrapping_mul(1_640_531_527),
                self.written,
            );
            self.places.insert(access.id, place);
            let kept = Kept {
                access,
                hits: 0,
                used_at: now,
            };
            self.kept.insert(place, kept);
            while self.used > self.capacity {
                self.evict(place, now);
            }
        }
        false
    }

    /// Removes some entries for one that was just written, which stays.
    fn evict(&mut self, written: Place, now: u64) {
        let headroom = self.capacity / HEADROOM;
        let mean = self.used / self.kept.len() as u64;
        let count = (self.used - self.capacity + headroom) / mean.max(1);
        let size = sample_size(count as usize);
        let begin = (self.random.below(1 << 32) as u32, 0);
        let stretch = self.kept.range(begin..).chain(self.kept.range(..begin));
        let others = stretch.filter(|(place, _)| **place != written);
        let (places, sample): (Vec<Place>, Vec<Candidate>) = others
            .take(size)
            .map(|(place, kept)| {
                let candidate = Candidate {
                    bytes: kept.access.size.into(),
                    cost_ms: Some(kept.access.cost.into()),
                    hits: kept.hits,
                    idle_ms: now - kept.used_at,
                    is_dead: false,
                };
                (*place, candidate)
            })
            .unzip();
        let most_ahead = most_ahead(sample.len(), size);
        for (gone, one) in order(&sample).into_iter().enumerate() {
            let is_enough = self.used <= self.capacity;
            let has_headroom = self.used <= self.capacity - headroom;
            // The store takes another sample where a sixteenth of it is not enough.
            if is_enough && (has_headroom || gone >= most_ahead)
                || gone >= sample.len().max(SAMPLE) / 16
            {
                break;
            }
            let gone = self.kept.remove(&places[one]).expect("it was sampled");
            self.used -= u64::from(gone.access.size);
            self.places.remove(&gone.access.id);
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, percentages @ ..] = &*arguments else {
        return Err("which trace?".into());
    };
    let trace = fs::read(path)?;
    let (records, _) = trace.as_chunks::<20>();
    let accesses = || records.iter().map(Access::read);
    let sizes: HashMap<u32, u64> = accesses().map(|one| (one.id, one.size.into())).collect();
    let footprint: u64 = sizes.values().sum();
    let total: f64 = accesses().map(|one| f64::from(one.cost)).sum();
    for percentage in percentages {
        let share = percentage.parse::<f64>()? / 100.0;
        let mut cache = Cache::new((footprint as f64 * share) as u64);
        let mut saved = 0.0;
        for access in accesses() {
            let cost = f64::from(access.cost);
            if cache.access(access) {
                saved += cost;
            }
        }
        println!("{percentage} {}", saved / total);
    }
    Ok(())
}
