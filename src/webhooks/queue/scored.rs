//! A set whose members are ordered by a score: Redis' sorted set, as far as it is used here.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// Members with their scores, each member once.
#[derive(Debug)]
pub(super) struct Scored<M> {
    scores: HashMap<M, i64>,
    order: BTreeSet<(i64, M)>,
}

impl<M> Default for Scored<M> {
    fn default() -> Self {
        Self {
            scores: HashMap::new(),
            order: BTreeSet::new(),
        }
    }
}

impl<M: Copy + Ord + Hash> Scored<M> {
    /// Adds a member, or lowers its score.
    pub(super) fn add_or_lower(&mut self, member: M, score: i64) {
        match self.scores.get(&member) {
            Some(known) if *known <= score => {}
            _ => self.put(member, score),
        }
    }

    /// Adds a member that is not there yet; `false` if it is.
    pub(super) fn add_new(&mut self, member: M, score: i64) -> bool {
        let new = !self.scores.contains_key(&member);
        if new {
            self.put(member, score);
        }
        new
    }

    fn put(&mut self, member: M, score: i64) {
        if let Some(old) = self.scores.insert(member, score) {
            self.order.remove(&(old, member));
        }
        self.order.insert((score, member));
    }

    pub(super) fn remove(&mut self, member: M) -> Option<i64> {
        let score = self.scores.remove(&member)?;
        self.order.remove(&(score, member));
        Some(score)
    }

    pub(super) fn score(&self, member: M) -> Option<i64> {
        self.scores.get(&member).copied()
    }

    pub(super) fn first(&self) -> Option<(i64, M)> {
        self.order.first().copied()
    }

    /// Takes the first member if its score is at most `most`.
    pub(super) fn take_up_to(&mut self, most: i64) -> Option<M> {
        let (score, member) = self.first()?;
        if score > most {
            return None;
        }
        self.remove(member);
        Some(member)
    }

    pub(super) fn len(&self) -> usize {
        self.scores.len()
    }
}
