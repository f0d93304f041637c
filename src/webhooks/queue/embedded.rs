//! The queue of a single process: the same structures as in Redis, in memory.
//!
//! Nothing here needs to survive: the rows of `deliveries` are the record. A new process begins
//! with an empty queue of no generation, which is exactly what a flushed Redis looks like, and
//! is filled from SQL by the same code. Every step is O(log n) under one lock that is held for
//! microseconds.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use async_trait::async_trait;

use super::scored::Scored;
use super::{
    Ack, Added, Claim, DeliveryQueue, Depth, Due, Lease, Limits, QueueError, Spilled, TURN, Want,
};

/// Expired leases returned in one go.
const REAPED: usize = 100;
/// Of a backlog, what is released in this many microseconds may come at once.
const BURST: i64 = 1_000_000;

/// The queue in memory.
#[derive(Debug)]
pub struct Embedded {
    limits: Limits,
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What waits, per endpoint.
    lines: HashMap<i64, Lines>,
    /// How many wait in all.
    waiting: usize,
    /// Endpoints of which the record has more than may wait here.
    spilled: BTreeSet<i64>,
    /// The last that was taken of them: the next are those behind it, so that all have a turn.
    refilled: i64,
    /// How far ahead an endpoint's backlog was released, in microseconds of the queue's clock.
    /// It outlives the backlog: one that comes in pieces is released no faster.
    paced: HashMap<i64, i64>,
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

/// What waits for one endpoint: deliveries by due time.
#[derive(Debug, Default)]
struct Lines {
    fresh: Scored<i64>,
    backlog: Scored<i64>,
}

impl Lines {
    fn len(&self) -> usize {
        self.fresh.len() + self.backlog.len()
    }

    /// When the first is due.
    fn first(&self) -> Option<i64> {
        let lines = [&self.fresh, &self.backlog];
        lines
            .into_iter()
            .filter_map(Scored::first)
            .map(|(at, _)| at)
            .min()
    }
}

/// What became of one delivery that was to be put in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Placed {
    Waits,
    EndpointFull,
    Full,
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
        self.micros() / 1000
    }

    fn micros(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_micros()).unwrap_or(i64::MAX)
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
        if let Some(due) = self.lines.get(&endpoint).and_then(Lines::first) {
            self.later.add_or_lower(endpoint, due);
        }
    }

    /// Puts a delivery in its line, or lowers its time where it stands.
    fn place(&mut self, due: Due, limits: &Limits) -> Placed {
        let (endpoint, delivery) = (due.endpoint_id, due.delivery_id);
        let (in_all, each) = limits.room(due.fresh);
        let lines = self.lines.entry(endpoint).or_default();
        let (line, other) = match due.fresh {
            true => (&mut lines.fresh, &mut lines.backlog),
            false => (&mut lines.backlog, &mut lines.fresh),
        };
        let placed = if other.score(delivery).is_some() {
            other.add_or_lower(delivery, due.at);
            Placed::Waits
        } else if line.score(delivery).is_some() {
            line.add_or_lower(delivery, due.at);
            Placed::Waits
        } else if self.waiting >= in_all {
            Placed::Full
        } else if line.len() + other.len() >= each {
            self.spilled.insert(endpoint);
            Placed::EndpointFull
        } else {
            line.add_new(delivery, due.at);
            self.waiting += 1;
            Placed::Waits
        };
        if lines.len() == 0 {
            self.lines.remove(&endpoint);
        }
        self.expect(endpoint);
        placed
    }

    /// The same for what comes back from a lease: it joins the backlog.
    fn put_back(&mut self, endpoint: i64, delivery: i64, at: i64, limits: &Limits) {
        let due = Due {
            delivery_id: delivery,
            endpoint_id: endpoint,
            at,
            fresh: false,
        };
        if self.place(due, limits) == Placed::Full {
            self.spilled.insert(endpoint);
        }
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
            if room == 0 {
                continue;
            }
            let (taken, more_at) = self.take(endpoint, room, sick, turn, leases);
            if busy + taken < cap {
                self.requeue_turn(endpoint, lane, more_at, turn.now);
            }
            // At the cap: its next acknowledgment brings it back.
        }
    }

    /// Takes from both lines of an endpoint: what is fresh first, but one in four of its
    /// backlog. Answers how many, and when there is more.
    fn take(
        &mut self,
        endpoint: i64,
        room: usize,
        sick: bool,
        turn: &Turn,
        leases: &mut Vec<Lease>,
    ) -> (usize, Option<i64>) {
        let number = self.next_number();
        let Some(lines) = self.lines.get_mut(&endpoint) else {
            return (0, None);
        };
        let paced = self.paced.get(&endpoint).copied().unwrap_or(0);
        let mut free_at = paced.max(turn.micros);
        let ahead = turn.micros + BURST - free_at;
        let mut allowed = usize::try_from(ahead / turn.step).unwrap_or(0);
        let backlog_due = lines.backlog.first().is_some_and(|(at, _)| at <= turn.now);
        let of_fresh = match room {
            _ if !backlog_due || allowed == 0 => room,
            1 => usize::from(number % 4 != 0),
            _ => room - 1,
        };
        let mut taken: Vec<i64> = Vec::with_capacity(room);
        while taken.len() < of_fresh
            && let Some(delivery) = lines.fresh.take_up_to(turn.now)
        {
            taken.push(delivery);
        }
        while taken.len() < room
            && allowed > 0
            && let Some(delivery) = lines.backlog.take_up_to(turn.now)
        {
            taken.push(delivery);
            allowed -= 1;
            free_at += turn.step;
        }
        if free_at > turn.micros {
            self.paced.insert(endpoint, free_at);
        }
        let fresh_at = lines.fresh.first().map(|(at, _)| at);
        let backlog_at = lines.backlog.first().map(|(at, _)| match allowed {
            0 => at.max(turn.now + (free_at + turn.step - BURST - turn.micros) / 1000 + 1),
            _ => at,
        });
        let more_at = [fresh_at, backlog_at].into_iter().flatten().min();
        if lines.len() == 0 {
            self.lines.remove(&endpoint);
        }
        self.waiting -= taken.len();
        for delivery in &taken {
            let token = self.next_number();
            self.leases.add_new((endpoint, *delivery), turn.expires);
            self.tokens.insert((endpoint, *delivery), token);
            leases.push(Lease {
                delivery_id: *delivery,
                endpoint_id: endpoint,
                token,
                sick,
            });
        }
        if !taken.is_empty() {
            *self.in_flight.entry(endpoint).or_default() += taken.len();
        }
        (taken.len(), more_at)
    }

    /// Behind everyone who waited longer, or to the time of its next delivery.
    fn requeue_turn(&mut self, endpoint: i64, lane: usize, more_at: Option<i64>, now: i64) {
        match more_at {
            Some(at) if at <= now => {
                let number = self.next_number();
                self.turns[lane].add_new(endpoint, number);
            }
            Some(at) => self.later.add_or_lower(endpoint, at),
            None => {}
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
    micros: i64,
    /// Microseconds between two of a backlog.
    step: i64,
    expires: i64,
    cap: usize,
    sick_cap: usize,
}

#[async_trait]
impl DeliveryQueue for Embedded {
    async fn add(&self, due: &[Due]) -> Result<Added, QueueError> {
        let mut state = self.lock();
        let mut added = Added::default();
        for due in due {
            let key = (due.endpoint_id, due.delivery_id);
            if state.leases.score(key).is_none() {
                match state.place(*due, &self.limits) {
                    Placed::Waits => {}
                    Placed::EndpointFull => added.spilled = true,
                    Placed::Full => break,
                }
            }
            added.looked_at += 1;
        }
        Ok(added)
    }

    async fn claim(&self, now: i64, want: Want) -> Result<Claim, QueueError> {
        let turn = Turn {
            now,
            micros: self.micros(),
            step: (BURST / i64::from(self.limits.drain_rate.max(1))).max(1),
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
                state.put_back(endpoint, delivery, at, &self.limits);
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
        let (clock, micros) = (self.clock(), self.micros());
        let mut state = self.lock();
        state.paced.retain(|_, free_at| *free_at > micros);
        let mut reaped = 0;
        while reaped < REAPED
            && let Some((endpoint, delivery)) = state.leases.take_up_to(clock)
        {
            state.release(endpoint, delivery);
            state.put_back(endpoint, delivery, now, &self.limits);
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
        let lines = state.lines.remove(&endpoint_id);
        state.waiting -= lines.map_or(0, |lines| lines.len());
        state.spilled.remove(&endpoint_id);
        state.turns[0].remove(endpoint_id);
        state.turns[1].remove(endpoint_id);
        state.later.remove(endpoint_id);
        state.sick.remove(&endpoint_id);
        state.paced.remove(&endpoint_id);
        Ok(())
    }

    async fn take_spilled(&self, most: usize) -> Result<Spilled, QueueError> {
        let mut state = self.lock();
        let mut told = Spilled {
            room: state.waiting < self.limits.room(false).0,
            ..Spilled::default()
        };
        if told.room {
            let half = self.limits.capacity_per_endpoint / 2;
            let waits = |endpoint: &&i64| state.lines.get(*endpoint).map_or(0, Lines::len);
            let free = |endpoint: &&i64| waits(endpoint) <= half;
            let behind = state.spilled.range(state.refilled.saturating_add(1)..);
            let in_turn = behind.chain(state.spilled.range(..=state.refilled));
            told.endpoints = in_turn.filter(free).take(most).copied().collect();
        }
        state.refilled = told.endpoints.last().copied().unwrap_or(state.refilled);
        for endpoint in &told.endpoints {
            state.spilled.remove(endpoint);
        }
        told.left = state.spilled.len();
        Ok(told)
    }

    async fn spill(&self, endpoint_ids: &[i64]) -> Result<(), QueueError> {
        self.lock().spilled.extend(endpoint_ids);
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
            endpoints: state.lines.len(),
            leased: state.leases.len(),
            waiting: state.waiting,
            spilled: state.spilled.len(),
        })
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        "embedded".to_owned()
    }
}
