-- What one node at a time does for all, and when it is due again.
CREATE TABLE duties (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    lease_until BIGINT NOT NULL,
    next_at BIGINT NOT NULL
);

-- 1 where a file was deleted and its object left in the storage on purpose: its row says so to
-- whoever looks for objects that belong to nobody.
ALTER TABLE files ADD COLUMN object_kept BIGINT NOT NULL DEFAULT 0;

-- By these, what is too old is found without reading what is not. Events and picks need none:
-- their ids grow with their age.
CREATE INDEX attempts_with_answers ON attempts (started_at)
    WHERE response_body <> '' OR response_headers <> '{}';
CREATE INDEX files_deleted ON files (deleted_at) WHERE deleted_at IS NOT NULL AND object_kept = 0;
CREATE INDEX connections_left ON connections (updated_at, id) WHERE state <> 0;
CREATE INDEX picks_by_connection ON picks (connection_id);

-- By these, what an owner asks for is found, and what an endpoint is still owed, however much was
-- delivered.
CREATE INDEX deliveries_unfinished ON deliveries (endpoint_id, state, id) WHERE state <> 1;
CREATE INDEX deliveries_set_aside ON deliveries (application_id, state, id) WHERE state > 1;
CREATE INDEX events_by_action ON events (application_id, action, id);
