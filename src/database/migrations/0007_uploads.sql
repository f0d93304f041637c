-- A file that a client sends in parts. The row stands before the first byte; the handle is chosen
-- here, so that a repeated completion ends as the same file. Whoever knows the token may send.
CREATE TABLE uploads (
    id {{id}},
    application_id BIGINT NOT NULL REFERENCES applications(id),
    token_hash TEXT NOT NULL UNIQUE,
    handle TEXT NOT NULL,
    request TEXT NOT NULL,                        -- name, size, where and how to store, as JSON
    completion TEXT NOT NULL DEFAULT '',          -- what was said on completion, as JSON
    storage_key TEXT NOT NULL DEFAULT '',
    stored_bytes BIGINT NOT NULL DEFAULT 0,       -- of all pieces that lie in the storage
    pieces BIGINT NOT NULL DEFAULT 0,
    state BIGINT NOT NULL DEFAULT 0,              -- 0 open, 1 done, 2 being put together
    attempts BIGINT NOT NULL DEFAULT 0,
    lease_owner TEXT NOT NULL DEFAULT '',
    lease_until BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX uploads_open ON uploads (application_id) WHERE state = 0;
CREATE INDEX uploads_completing ON uploads (lease_until) WHERE state = 2;
CREATE INDEX uploads_by_expiry ON uploads (expires_at);

-- What of it lies in the storage: whole parts, or pieces of parts that begin at an offset. Each is
-- an object of its own, held in the list of garbage until a file was made of it.
CREATE TABLE upload_pieces (
    upload_id BIGINT NOT NULL,
    part BIGINT NOT NULL,                         -- counted from 1
    piece_offset BIGINT NOT NULL,                 -- where in its part it begins
    size BIGINT NOT NULL,
    md5 TEXT NOT NULL,                            -- hex
    storage_key TEXT NOT NULL,
    PRIMARY KEY (upload_id, part, piece_offset)
);
