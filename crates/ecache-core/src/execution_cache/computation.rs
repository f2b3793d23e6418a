//! The computation of a result, in two steps: [`Call::begin`] and [`Computation::finish`].
//!
//! The caller computes between them, so that none of this is compiled for the closure of each
//! cached function.

use std::time::Instant;

use super::call::{Call, Found, Old, Step, elapsed_ms};
use super::codec::Codec;
use super::counters::Event;
use super::lead::Lead;
use crate::single_flight::Inside;

/// The state of a call after it has looked for its result.
pub(super) enum Begun<'a, T> {
    Found(Found<T>),
    Computing(Computation<'a, T>),
}

/// A computation that goes on.
pub(super) struct Computation<'a, T> {
    started: Instant,
    role: Role<'a, T>,
}

/// The use of the result.
enum Role<'a, T> {
    /// It is compared with this hit
    Verifies(T),
    /// It is stored and given to followers
    Leads(Inside, Lead<'a>),
    /// It is returned, because another computation took too long
    Alone,
}

impl<'a> Call<'a> {
    /// Looks for the result, waits for another computation of it, or begins one.
    pub(super) fn begin<T: Clone + Send + Sync + 'static>(
        &self,
        codec: &impl Codec<T>,
        old: Old,
    ) -> Begun<'a, T> {
        let role = loop {
            match self.step(codec, old) {
                Step::Hit(found) => return Begun::Found(found),
                Step::Verify(hit) => break Role::Verifies(hit),
                Step::Lead(lead) => match lead.locked(self).take_off(self, codec) {
                    Ok(lead) => break Role::Leads(lead.enter(), lead),
                    Err(value) => return Begun::Found(Found::new(value)),
                },
                Step::Wait(flight) => match flight.wait(self.ctx.cache.patience) {
                    Some(landed) => {
                        if let Some(value) = self.landed(landed) {
                            return Begun::Found(Found::new(value));
                        }
                    }
                    None => break Role::Alone,
                },
            }
        };
        self.count(Event::Computation);
        Begun::Computing(Computation {
            started: Instant::now(),
            role,
        })
    }
}

impl<T: Clone + Send + Sync + 'static> Computation<'_, T> {
    /// Uses the result and returns it; after an error, returns a stale result if one may be served.
    ///
    /// # Errors
    /// The error of the computation.
    pub(super) fn finish<E>(
        self,
        call: &Call<'_>,
        codec: &impl Codec<T>,
        computed: Result<T, E>,
    ) -> Result<Found<T>, E> {
        let cost_ms = elapsed_ms(self.started);
        let computed = computed.map(|value| (value, cost_ms));
        match (self.role, computed) {
            (Role::Verifies(hit), computed) => Ok(Found::new(call.verified(codec, hit, computed))),
            (Role::Leads(inside, lead), Ok((value, cost_ms))) => {
                drop(inside);
                Ok(Found::new(lead.land(call, codec, value, cost_ms)))
            }
            (Role::Leads(inside, lead), Err(error)) => {
                drop(inside);
                let found = call.after_error(error);
                drop(lead);
                found
            }
            (Role::Alone, Ok((value, _))) => Ok(Found::new(value)),
            (Role::Alone, Err(error)) => call.after_error(error),
        }
    }
}
