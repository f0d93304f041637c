-- A fourth state of picks: 3 cancelled, which is final. What a cancelled one has staged is let go
-- of by the node that works on it or, where that has died, by whoever finds its lease run out.
CREATE INDEX picks_to_let_go ON picks (lease_until) WHERE state = 3 AND storage_key <> '';
-- All picks of a picker, those that have ended as well: a cancellation says how each stands.
CREATE INDEX picks_by_picker ON picks (session_hash, picker_hash) WHERE picker_hash <> '';
