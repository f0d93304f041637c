//! How much of the files on their way to an object store is held in memory.
//!
//! A part is sent in one piece, so it is held until it is whole and sent. Each upload may always
//! hold one, so none waits for another; what it holds beyond that comes out of an amount that all
//! uploads of this node share evenly. Nothing here waits: who gets nothing asks again later.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What all uploads share.
pub(super) struct Memory {
    limit: u64,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    bytes: u64,
    uploads: u64,
}

impl Memory {
    /// As much as `limit` bytes beside one part of each upload.
    pub(super) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self {
            limit,
            taken: Mutex::default(),
        })
    }

    /// A share for one more upload.
    pub(super) fn share(self: &Arc<Self>) -> Share {
        let mut taken = locked(&self.taken);
        taken.uploads += 1;
        Share(Arc::new(Own {
            memory: Arc::clone(self),
            held: Mutex::default(),
        }))
    }
}

/// One upload's part of the memory; cheap to clone.
#[derive(Clone)]
pub(super) struct Share(Arc<Own>);

struct Own {
    memory: Arc<Memory>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// Whether the part is held that needs no leave.
    first: bool,
    /// What is held beside it.
    bytes: u64,
}

/// Room for a part, given back when it is dropped.
pub(super) struct Room {
    own: Arc<Own>,
    /// None: the part that needs no leave.
    bytes: Option<u64>,
}

impl Share {
    /// Room for a part of so many bytes, if there is any. There always is for an upload that
    /// holds none.
    pub(super) fn take(&self, bytes: u64) -> Option<Room> {
        let own = &self.0;
        let mut held = locked(&own.held);
        let room = |bytes| Room {
            own: Arc::clone(own),
            bytes,
        };
        if !held.first {
            held.first = true;
            return Some(room(None));
        }
        let limit = own.memory.limit;
        let mut taken = locked(&own.memory.taken);
        let fair = (limit / taken.uploads.max(1)).max(bytes);
        if taken.bytes + bytes > limit || held.bytes + bytes > fair {
            return None;
        }
        taken.bytes += bytes;
        held.bytes += bytes;
        Some(room(Some(bytes)))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut held = locked(&self.own.held);
        let Some(bytes) = self.bytes else {
            held.first = false;
            return;
        };
        held.bytes -= bytes;
        locked(&self.own.memory.taken).bytes -= bytes;
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        locked(&self.memory.taken).uploads -= 1;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many parts of this size a share gets at once.
    fn all(share: &Share, bytes: u64) -> Vec<Room> {
        std::iter::from_fn(|| share.take(bytes)).collect()
    }

    #[test]
    fn an_upload_alone_gets_everything_and_one_part_more() {
        let memory = Memory::new(32);
        let share = memory.share();
        assert_eq!(all(&share, 8).len(), 5);
        assert_eq!(all(&share, 8).len(), 5, "it was not given back");
    }

    #[test]
    fn every_upload_has_room_for_one_part_whatever_the_others_hold() {
        let memory = Memory::new(32);
        let greedy = memory.share();
        let held = all(&greedy, 8);
        let late = memory.share();
        let one = all(&late, 1024);
        assert_eq!(one.len(), 1);
        drop((held, one));
        assert_eq!(all(&Memory::new(0).share(), 8).len(), 1);
        assert_eq!(all(&Memory::new(7).share(), 8).len(), 1);
        assert_eq!(all(&Memory::new(8).share(), 8).len(), 2);
    }

    #[test]
    fn what_there_is_is_shared_evenly_and_never_exceeded() {
        let memory = Memory::new(32);
        let shares: Vec<_> = (0..4).map(|_| memory.share()).collect();
        let held: Vec<_> = shares.iter().map(|share| all(share, 8)).collect();
        assert!(held.iter().all(|rooms| rooms.len() == 2));
        let fifth = memory.share();
        assert_eq!(all(&fifth, 8).len(), 1, "more than there is was given");
        drop(held);
        // Of five, each may have one beside its own while there are four.
        assert_eq!(all(&fifth, 8).len(), 2);
        drop(shares);
        assert_eq!(all(&fifth, 8).len(), 5);
    }
}
