-- Places in storage that a client chose by name, so that nothing in the key keeps two files apart.
-- A pick claims its place in the transaction that reserves the key; the claim ends with the pick,
-- if it fails, or with the file.
CREATE TABLE claims (
    storage_key TEXT PRIMARY KEY,
    handle TEXT NOT NULL,                         -- of the file that is or will be there
    vacant BIGINT NOT NULL DEFAULT 0,             -- 1 once nothing but this file's own object can lie there
    created_at BIGINT NOT NULL
);
