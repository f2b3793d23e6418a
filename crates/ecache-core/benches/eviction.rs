//! Replays a trace of accesses against [`ecache_core::eviction`], with the clock of the trace.
//!
//! Usage: eviction TRACE PERCENT… prints, for each percentage of the footprint, the share of the
//! computing time that hits save. A record of a trace is 20 bytes, little-endian: time in
//! milliseconds (8), id, size, cost in milliseconds (4 each). `benches/limits` makes them.

use std::collections::HashMap;
use std::error::Error;
use std::fs;

use ecache_core::eviction::{Candidate, SAMPLE, first};

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

/// A cache of a capacity.
struct Cache {
    capacity: u64,
    used: u64,
    places: HashMap<u32, usize>,
    kept: Vec<Kept>,
    random: Random,
}

impl Cache {
    fn new(capacity: u64) -> Self {
        Self {
            capacity,
            used: 0,
            places: HashMap::new(),
            kept: Vec::new(),
            random: Random(88_172_645_463_325_252),
        }
    }

    /// Reports whether the access is a hit; keeps the result of a miss.
    fn access(&mut self, access: Access) -> bool {
        if let Some(place) = self.places.get(&access.id) {
            let kept = &mut self.kept[*place];
            kept.hits += 1;
            kept.used_at = access.at;
            return true;
        }
        if u64::from(access.size) <= self.capacity {
            let now = access.at;
            self.used += u64::from(access.size);
            self.places.insert(access.id, self.kept.len());
            self.kept.push(Kept {
                access,
                hits: 0,
                used_at: now,
            });
            while self.used > self.capacity {
                self.evict(now);
            }
        }
        false
    }

    fn evict(&mut self, now: u64) {
        let places: [usize; SAMPLE] = std::array::from_fn(|_| self.random.below(self.kept.len()));
        let sample = places.map(|place| {
            let kept = &self.kept[place];
            Candidate {
                bytes: kept.access.size.into(),
                cost_ms: Some(kept.access.cost.into()),
                hits: kept.hits,
                idle_ms: now - kept.used_at,
                is_dead: false,
            }
        });
        let place = places[first(&sample).expect("a sample is not empty")];
        let gone = self.kept.swap_remove(place);
        self.used -= u64::from(gone.access.size);
        self.places.remove(&gone.access.id);
        if let Some(moved) = self.kept.get(place) {
            self.places.insert(moved.access.id, place);
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
