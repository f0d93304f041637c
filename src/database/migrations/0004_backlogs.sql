-- What one endpoint is owed, in the order in which it is due: for endpoints that are owed more
-- than may wait in the queue.
CREATE INDEX deliveries_owed ON deliveries (endpoint_id, next_at, id) WHERE state = 0;
