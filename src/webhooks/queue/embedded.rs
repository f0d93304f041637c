//! The queue of a single process: the same structures as in Redis, in memory.
//!
//! Nothing here needs to survive: the rows of `deliveries` are the record. A new process begins
//! with an empty queue of no generation, which is exactly what a flushed Redis looks like, and
//! is filled from SQL by the same code. Every step is O(log n) under one lock that is held for
//! microseconds.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use async_trait::async_trait;

use super::scored::Scored;
use super::{Ack, Claim, DeliveryQueue, Depth, Due, Lease, Limits, QueueError, TURN, Want};

/// Expired leases returned in one go.
const REAPED: usize = 100;

/// The queue in memory.
#[derive(Debug)]
pub struct Embedded {
    limits: Limits,
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What waits, per endpoint: delivery and when it is due.
    waiting: HashMap<i64, Scored<i64>>,
    /// Endpoints with due work, in the order of their turns: [well, sick].
    turns: [Scored<i64>; 2],
    /// Endpoints by the time when they next have due work.
    later: Scored<i64>,
    /// (endpoint, delivery) by the time when the lease is over.
    leases: Scored<(i64, i64)>,
    tokens: HashMap<(i64, i64), i64>,
    in_flight: HashMap<i64, usize>,
    sick: HashSet<i64>,
    /// Numbers turns and tokens.
    sequence: i64,
    generation: Option<String>,
}

impl Embedded {
    /// An empty queue.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            began: Instant::now(),
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No step leaves the state half done, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clock(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn lease_ms(&self) -> i64 {
        i64::try_from(self.limits.lease.as_millis()).unwrap_or(i64::MAX)
    }
}

impl State {
    fn next_number(&mut self) -> i64 {
        self.sequence += 1;
        self.sequence
    }

    /// Brings endpoints whose time has come into their lane.
    fn wake(&mut self, now: i64) {
        while let Some(endpoint) = self.later.take_up_to(now) {
            let number = self.next_number();
            let lane = usize::from(self.sick.contains(&endpoint));
            self.turns[lane].add_new(endpoint, number);
        }
    }

    /// Notes when an endpoint has work again.
    fn expect(&mut self, endpoint: i64) {
        let first = self.waiting.get(&endpoint).and_then(Scored::first);
        if let Some((due, _)) = first {
            self.later.add_or_lower(endpoint, due);
        }
    }

    fn put(&mut self, endpoint: i64, delivery: i64, due: i64) {
        let waiting = self.waiting.entry(endpoint).or_default();
        waiting.add_or_lower(delivery, due);
    }

    /// Serves one lane, endpoint by endpoint.
    fn serve(&mut self, sick: bool, most: usize, turn: &Turn, leases: &mut Vec<Lease>) {
        let until = leases.len() + most;
        while leases.len() < until {
            let lane = usize::from(sick);
            let Some(endpoint) = self.turns[lane].take_up_to(i64::MAX) else {
                break;
            };
            if self.sick.contains(&endpoint) != sick {
                let number = self.next_number();
                self.turns[1 - lane].add_new(endpoint, number);
                continue;
            }
            let cap = if sick { turn.sick_cap } else { turn.cap };
            let busy = self.in_flight.get(&endpoint).copied().unwrap_or(0);
            let room = cap.saturating_sub(busy).min(TURN).min(until - leases.len());
            let taken = self.take(endpoint, room, sick, turn, leases);
            if busy + taken < cap {
                self.requeue_turn(endpoint, lane, turn.now);
            }
            // At the cap: its next acknowledgment brings it back.
        }
    }

    fn take(
        &mut self,
        endpoint: i64,
        room: usize,
        sick: bool,
        turn: &Turn,
        leases: &mut Vec<Lease>,
    ) -> usize {
        let mut taken = 0;
        while taken < room
            && let Some(waiting) = self.waiting.get_mut(&endpoint)
            && let Some(delivery) = waiting.take_up_to(turn.now)
        {
            if waiting.is_empty() {
                self.waiting.remove(&endpoint);
            }
            let token = self.next_number();
            self.leases.add_new((endpoint, delivery), turn.expires);
            self.tokens.insert((endpoint, delivery), token);
            leases.push(Lease {
                delivery_id: delivery,
                endpoint_id: endpoint,
                token,
                sick,
            });
            taken += 1;
        }
        if taken > 0 {
            *self.in_flight.entry(endpoint).or_default() += taken;
        }
        taken
    }

    /// Behind everyone who waited longer, or to the time of its next delivery.
    fn requeue_turn(&mut self, endpoint: i64, lane: usize, now: i64) {
        match self.waiting.get(&endpoint).and_then(Scored::first) {
            Some((due, _)) if due <= now => {
                let number = self.next_number();
                self.turns[lane].add_new(endpoint, number);
            }
            _ => self.expect(endpoint),
        }
    }

    fn release(&mut self, endpoint: i64, delivery: i64) {
        self.leases.remove((endpoint, delivery));
        self.tokens.remove(&(endpoint, delivery));
        if let Some(count) = self.in_flight.get_mut(&endpoint) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.in_flight.remove(&endpoint);
            }
        }
    }
}

struct Turn {
    now: i64,
    expires: i64,
    cap: usize,
    sick_cap: usize,
}

#[async_trait]
impl DeliveryQueue for Embedded {
    async fn add(&self, due: &[Due]) -> Result<(), QueueError> {
        let mut state = self.lock();
        for due in due {
            let key = (due.endpoint_id, due.delivery_id);
            if state.leases.score(key).is_none() {
                state.put(due.endpoint_id, due.delivery_id, due.at);
                state.later.add_or_lower(due.endpoint_id, due.at);
            }
        }
        Ok(())
    }

    async fn claim(&self, now: i64, want: Want) -> Result<Claim, QueueError> {
        let turn = Turn {
            now,
            expires: self.clock().saturating_add(self.lease_ms()),
            cap: self.limits.cap,
            sick_cap: self.limits.sick_cap,
        };
        let mut state = self.lock();
        state.wake(now);
        let mut leases = Vec::new();
        // The sick lane is never starved (a quarter first) and never takes more than its share.
        let share = want.sick.min((want.most / 4).max(1)).min(want.most);
        state.serve(true, share, &turn, &mut leases);
        let from_sick = leases.len();
        state.serve(false, want.most - from_sick, &turn, &mut leases);
        let rest = (want.most - leases.len()).min(want.sick.saturating_sub(from_sick));
        state.serve(true, rest, &turn, &mut leases);
        Ok(Claim {
            leases,
            next_at: state.later.first().map(|(at, _)| at),
            generation: state.generation.clone(),
        })
    }

    async fn ack(&self, acks: &[Ack]) -> Result<Vec<bool>, QueueError> {
        let mut state = self.lock();
        let mut held = Vec::with_capacity(acks.len());
        for ack in acks {
            let (endpoint, delivery) = (ack.lease.endpoint_id, ack.lease.delivery_id);
            let token = state.tokens.get(&(endpoint, delivery)).copied();
            let ours = token == Some(ack.lease.token);
            if ours {
                state.release(endpoint, delivery);
            }
            if let (Some(at), true) = (ack.again_at, ours || token.is_none()) {
                state.put(endpoint, delivery, at);
            }
            match ack.well {
                Some(true) => drop(state.sick.remove(&endpoint)),
                Some(false) => drop(state.sick.insert(endpoint)),
                None => {}
            }
            state.expect(endpoint);
            held.push(ours);
        }
        Ok(held)
    }

    async fn reap(&self, now: i64) -> Result<usize, QueueError> {
        let clock = self.clock();
        let mut state = self.lock();
        let mut reaped = 0;
        while reaped < REAPED
            && let Some((endpoint, delivery)) = state.leases.take_up_to(clock)
        {
            state.release(endpoint, delivery);
            state.put(endpoint, delivery, now);
            state.expect(endpoint);
            reaped += 1;
        }
        Ok(reaped)
    }

    async fn restore(&self, _leases: &[Lease]) -> Result<(), QueueError> {
        // Holders and queue live and die together here.
        Ok(())
    }

    async fn mark_sick(&self, endpoint_id: i64) -> Result<(), QueueError> {
        self.lock().sick.insert(endpoint_id);
        Ok(())
    }

    async fn purge(&self, endpoint_id: i64) -> Result<(), QueueError> {
        let mut state = self.lock();
        state.waiting.remove(&endpoint_id);
        state.turns[0].remove(endpoint_id);
        state.turns[1].remove(endpoint_id);
        state.later.remove(endpoint_id);
        state.sick.remove(&endpoint_id);
        Ok(())
    }

    async fn begin_filling(&self) -> Result<bool, QueueError> {
        Ok(true)
    }

    async fn filled(&self) -> Result<(), QueueError> {
        self.lock().generation = Some("embedded".to_owned());
        Ok(())
    }

    async fn check(&self) -> Result<(), QueueError> {
        Ok(())
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        let state = self.lock();
        Ok(Depth {
            endpoints: state.waiting.len(),
            leased: state.leases.len(),
        })
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        "embedded".to_owned()
    }
}
