-- One source for both databases: {{id}} is an increasing 64-bit key, {{bytes}} is binary.
-- Times are milliseconds since the epoch, truth values 0 or 1, lists and objects JSON text.

CREATE TABLE applications (
    id {{id}},
    name TEXT NOT NULL,
    apikey TEXT NOT NULL UNIQUE,
    secret {{bytes}} NOT NULL,                    -- sealed: needed to check signatures
    security_enabled BIGINT NOT NULL DEFAULT 0,
    allowed_origins TEXT NOT NULL DEFAULT '[]',
    dropbox_app_key TEXT,
    dropbox_app_secret {{bytes}},                 -- sealed
    storage_path TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL
);

-- What a script may do for an application, or (application_id NULL) for all of them.
CREATE TABLE management_tokens (
    token_hash TEXT PRIMARY KEY,
    application_id BIGINT REFERENCES applications(id),
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT
);

CREATE TABLE accounts (
    id {{id}},
    email TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- A person's consent to their Dropbox. One row per grant, so that signing out on one device
-- does not sign out another.
CREATE TABLE connections (
    id {{id}},
    application_id BIGINT NOT NULL REFERENCES applications(id),
    app_key TEXT NOT NULL,                        -- the Dropbox app that was consented to
    account_id TEXT NOT NULL,
    email TEXT NOT NULL DEFAULT '',
    display_name TEXT NOT NULL DEFAULT '',
    root_namespace_id TEXT NOT NULL DEFAULT '',
    home_namespace_id TEXT NOT NULL DEFAULT '',
    refresh_token {{bytes}} NOT NULL,             -- sealed
    access_token {{bytes}} NOT NULL,              -- sealed
    access_expires_at BIGINT NOT NULL,
    refresh_lease_until BIGINT NOT NULL DEFAULT 0,
    state BIGINT NOT NULL DEFAULT 0,              -- 0 live, 1 dead (connect again), 2 signed out
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL
);
CREATE INDEX connections_by_account ON connections (application_id, account_id);

-- A person at a picker, known by a token of which only the hash is kept.
CREATE TABLE sessions (
    token_hash TEXT PRIMARY KEY,
    application_id BIGINT NOT NULL REFERENCES applications(id),
    connection_id BIGINT REFERENCES connections(id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_connection ON sessions (connection_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- A way to Dropbox and back that has ended; nothing is written for one that merely began. The
-- row makes a state single-use. `outcome` is what the page that opened the popup asks for: ''
-- while the code is being exchanged, 'connected', or the code of what went wrong.
CREATE TABLE authorizations (
    state_hash TEXT PRIMARY KEY,
    application_id BIGINT NOT NULL REFERENCES applications(id),
    session_hash TEXT NOT NULL,
    purpose TEXT NOT NULL,                        -- 'open' or 'saveas'
    outcome TEXT NOT NULL DEFAULT '',
    message TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL DEFAULT 0,
    expires_at BIGINT NOT NULL
);
CREATE INDEX authorizations_by_session ON authorizations (session_hash, ended_at);
CREATE INDEX authorizations_by_expiry ON authorizations (expires_at);

-- One choice made in a picker. The row stands before the first byte moves; whoever holds the
-- lease copies. The handle is chosen here, so that a repeated pick ends as the same file.
CREATE TABLE picks (
    id {{id}},
    application_id BIGINT NOT NULL REFERENCES applications(id),
    session_hash TEXT NOT NULL,
    connection_id BIGINT NOT NULL REFERENCES connections(id),
    dedup TEXT NOT NULL,
    source_path TEXT NOT NULL,
    request TEXT NOT NULL,                        -- where and how to store, as JSON
    handle TEXT NOT NULL,
    source_rev TEXT NOT NULL DEFAULT '',
    storage_key TEXT NOT NULL DEFAULT '',
    size BIGINT NOT NULL DEFAULT 0,
    copied BIGINT NOT NULL DEFAULT 0,
    state BIGINT NOT NULL DEFAULT 0,              -- 0 to do, 1 done, 2 failed
    attempts BIGINT NOT NULL DEFAULT 0,
    lease_owner TEXT NOT NULL DEFAULT '',
    lease_until BIGINT NOT NULL DEFAULT 0,
    error_code TEXT NOT NULL DEFAULT '',
    error_message TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (application_id, dedup)
);
CREATE INDEX picks_to_do ON picks (lease_until) WHERE state = 0;

CREATE TABLE files (
    handle TEXT PRIMARY KEY,
    application_id BIGINT NOT NULL REFERENCES applications(id),
    kind BIGINT NOT NULL,                         -- 0 stored, 1 symlink
    provider TEXT NOT NULL,                       -- 'internal', 's3', 'gcs', 'azure', 'dropbox'
    client TEXT NOT NULL,                         -- 'Dropbox', 'Computer', 'URL'
    container TEXT NOT NULL DEFAULT '',
    storage_key TEXT NOT NULL DEFAULT '',
    storage_path TEXT NOT NULL DEFAULT '',
    access TEXT NOT NULL DEFAULT 'private',
    filename TEXT NOT NULL,
    mimetype TEXT NOT NULL,
    size BIGINT NOT NULL,
    content_hash TEXT NOT NULL DEFAULT '',        -- Dropbox's, where known
    hashes TEXT NOT NULL DEFAULT '{}',            -- md5, sha1… once computed
    width BIGINT,
    height BIGINT,
    exif TEXT,
    facts_read BIGINT NOT NULL DEFAULT 0,         -- 1 once width, height and exif were looked for
    upload_tags TEXT NOT NULL DEFAULT '{}',
    connection_id BIGINT REFERENCES connections(id),
    source_path TEXT NOT NULL DEFAULT '',
    source_id TEXT NOT NULL DEFAULT '',
    source_rev TEXT NOT NULL DEFAULT '',
    version BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE INDEX files_by_application ON files (application_id, created_at, handle);
CREATE INDEX files_by_storage_key ON files (storage_key);
CREATE INDEX files_by_connection ON files (connection_id);

-- Objects that no file names: let go of by a commit, or announced before they are written. They
-- are removed from storage when their time comes, unless a file has come to name them.
CREATE TABLE garbage (
    id {{id}},
    storage_key TEXT NOT NULL,
    not_before BIGINT NOT NULL,
    taken BIGINT NOT NULL DEFAULT 0               -- 1 once somebody has begun to remove it
);
CREATE INDEX garbage_due ON garbage (not_before);
CREATE INDEX garbage_by_key ON garbage (storage_key);

-- What happened. `text` is the payload's inner object, exactly as it is sent.
CREATE TABLE events (
    id {{id}},
    application_id BIGINT NOT NULL REFERENCES applications(id),
    action TEXT NOT NULL,
    handle TEXT NOT NULL DEFAULT '',
    text TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX events_by_application ON events (application_id, id);
CREATE INDEX events_by_handle ON events (handle);

CREATE TABLE endpoints (
    id {{id}},
    application_id BIGINT NOT NULL REFERENCES applications(id),
    url TEXT NOT NULL,
    event TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    state BIGINT NOT NULL DEFAULT 0,              -- 0 on, 1 off by its owner, 2 off by us, 3 deleted
    disabled_reason TEXT NOT NULL DEFAULT '',
    secret {{bytes}} NOT NULL,                    -- sealed: signs FS-Signature
    other_secret {{bytes}},                       -- sealed; there while a rotation is open
    rotation BIGINT NOT NULL DEFAULT 0,           -- 0 none, 1 the other is to come, 2 the other is on its way out
    rotation_ends_at BIGINT,                      -- when the phase ends by itself
    last_success_at BIGINT,
    failing_since BIGINT,
    failures BIGINT NOT NULL DEFAULT 0,           -- failed attempts since the last success
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX endpoints_by_event ON endpoints (application_id, event);

CREATE TABLE deliveries (
    id {{id}},
    event_id BIGINT NOT NULL REFERENCES events(id),
    endpoint_id BIGINT NOT NULL REFERENCES endpoints(id),
    application_id BIGINT NOT NULL,
    state BIGINT NOT NULL DEFAULT 0,              -- 0 pending, 1 delivered, 2 exhausted, 3 cancelled, 4 held
    attempts BIGINT NOT NULL DEFAULT 0,
    manual BIGINT NOT NULL DEFAULT 0,             -- how many of the attempts were asked for by hand
    first_at BIGINT,
    next_at BIGINT NOT NULL,
    asked_state BIGINT,                           -- there while an attempt is asked for by hand: the state
    asked_next_at BIGINT,                         -- and time to return to should it fail
    last_status BIGINT,
    last_error TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX deliveries_due ON deliveries (next_at, id) WHERE state = 0;
CREATE INDEX deliveries_held ON deliveries (endpoint_id, id) WHERE state = 4;
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint_id, id);
CREATE INDEX deliveries_by_application ON deliveries (application_id, id);
CREATE INDEX deliveries_by_event ON deliveries (event_id);

CREATE TABLE attempts (
    delivery_id BIGINT NOT NULL,
    number BIGINT NOT NULL,                       -- counted from 1, manual ones too
    manual BIGINT NOT NULL DEFAULT 0,
    started_at BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    status BIGINT,
    error TEXT NOT NULL DEFAULT '',
    response_headers TEXT NOT NULL DEFAULT '{}',
    response_body TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (delivery_id, number)
);
