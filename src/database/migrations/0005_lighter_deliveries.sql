-- A delivery passes through the record with as few writes as can be: what is pending stands in
-- the indices of what is due and of what an endpoint is owed, and in no third one. Held
-- deliveries are read in the same order as owed ones.
DROP INDEX deliveries_unfinished;
CREATE INDEX deliveries_unfinished ON deliveries (endpoint_id, state, id) WHERE state > 1;
DROP INDEX deliveries_held;
CREATE INDEX deliveries_held ON deliveries (endpoint_id, next_at, id) WHERE state = 4;
