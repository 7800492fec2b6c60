//! Counts connections, in all and per identity: room is taken with a value and given back when it is dropped.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use ripcord_core::Identity;

use crate::rpc::limits::{CONNECTIONS, CONNECTIONS_PER_IDENTITY};

/// The room that is left.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Those whose certificate names nobody share one entry.
    by_identity: HashMap<Option<Identity>, usize>,
}

impl Slots {
    /// Room for one connection of whomever.
    pub(super) fn any(&self) -> Option<AnySlot> {
        self.with(|taken| {
            let free = taken.all < CONNECTIONS;
            taken.all += usize::from(free);
            free.then(|| AnySlot(self.clone()))
        })
    }

    fn with<T>(&self, f: impl FnOnce(&mut Taken) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Room for a connection before its handshake.
#[derive(Debug)]
pub(super) struct AnySlot(Slots);

impl AnySlot {
    /// The same room, counted for `identity`.
    pub(super) fn of(self, identity: Option<&Identity>) -> Option<Slot> {
        let identity = identity.cloned();
        let free = self.0.with(|taken| {
            let count = taken.by_identity.entry(identity.clone()).or_default();
            let free = *count < CONNECTIONS_PER_IDENTITY;
            *count += usize::from(free);
            free
        });
        free.then_some(Slot { identity, all: self })
    }
}

impl Drop for AnySlot {
    fn drop(&mut self) {
        self.0.with(|taken| taken.all = taken.all.saturating_sub(1));
    }
}

/// Room for a connection of an identity.
#[derive(Debug)]
pub(super) struct Slot {
    identity: Option<Identity>,
    all: AnySlot,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.all.0.with(|taken| {
            if let Some(count) = taken.by_identity.get_mut(&self.identity) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    taken.by_identity.remove(&self.identity);
                }
            }
        });
    }
}
