//! A bounded memory of thumbnails; what was not looked at for longest goes first.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use super::thumbnail_link::Wanted;

/// What an entry costs besides its picture.
const OVERHEAD: usize = 200;

/// Thumbnails by what was wanted; `None`: Dropbox has none of that file.
pub(super) struct Cache {
    capacity: usize,
    used: usize,
    ticks: u64,
    pictures: HashMap<Wanted, (u64, Option<Bytes>)>,
    oldest_first: BTreeMap<u64, Wanted>,
}

impl Cache {
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            used: 0,
            ticks: 0,
            pictures: HashMap::new(),
            oldest_first: BTreeMap::new(),
        }
    }

    pub fn get(&mut self, wanted: &Wanted) -> Option<Option<Bytes>> {
        let (tick, picture) = self.pictures.get_mut(wanted)?;
        self.ticks += 1;
        self.oldest_first.remove(tick);
        *tick = self.ticks;
        self.oldest_first.insert(self.ticks, wanted.clone());
        Some(picture.clone())
    }

    pub fn put(&mut self, wanted: Wanted, picture: Option<Bytes>) {
        let cost = cost(picture.as_ref());
        if cost > self.capacity {
            return;
        }
        if let Some((tick, before)) = self.pictures.remove(&wanted) {
            self.oldest_first.remove(&tick);
            self.used -= self::cost(before.as_ref());
        }
        while self.used + cost > self.capacity {
            let Some((_, oldest)) = self.oldest_first.pop_first() else {
                break;
            };
            if let Some((_, gone)) = self.pictures.remove(&oldest) {
                self.used -= self::cost(gone.as_ref());
            }
        }
        self.ticks += 1;
        self.used += cost;
        self.oldest_first.insert(self.ticks, wanted.clone());
        self.pictures.insert(wanted, (self.ticks, picture));
    }
}

fn cost(picture: Option<&Bytes>) -> usize {
    OVERHEAD + picture.map_or(0, Bytes::len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dropbox::ThumbnailSize;

    fn wanted(rev: usize) -> Wanted {
        Wanted {
            connection: 1,
            size: ThumbnailSize::W256h256,
            rev: rev.to_string(),
        }
    }

    #[test]
    fn it_never_holds_more_than_it_may_and_forgets_the_oldest() {
        let mut cache = Cache::new(10 * (OVERHEAD + 100));
        for rev in 0..50 {
            cache.put(wanted(rev), Some(Bytes::from(vec![0; 100])));
            assert!(cache.get(&wanted(0)).is_some(), "looked at all the time");
            assert!(cache.used <= cache.capacity);
        }
        assert_eq!(cache.pictures.len(), 10);
        assert!(cache.get(&wanted(30)).is_none());
        cache.put(wanted(99), Some(Bytes::from(vec![0; 100_000])));
        assert!(cache.get(&wanted(99)).is_none());
    }
}
