-- People who work with the portal.
ALTER TABLE accounts ADD COLUMN name TEXT NOT NULL DEFAULT '';
-- Whether they may make applications.
ALTER TABLE accounts ADD COLUMN operator BIGINT NOT NULL DEFAULT 1;
-- The secret of their second factor, sealed; and of a second factor that is being set up.
ALTER TABLE accounts ADD COLUMN totp_secret {{bytes}};
ALTER TABLE accounts ADD COLUMN totp_offered {{bytes}};
-- The last time step of which a code was taken: none counts twice.
ALTER TABLE accounts ADD COLUMN totp_step BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN signed_in_at BIGINT;

-- Codes for the day the second factor is lost, hashed; each works once.
CREATE TABLE account_recovery_codes (
    code_hash TEXT PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts(id)
);
CREATE INDEX account_recovery_codes_of ON account_recovery_codes (account_id);

-- A browser in which somebody is signed in.
CREATE TABLE account_sessions (
    id {{id}},
    token_hash TEXT NOT NULL UNIQUE,
    account_id BIGINT NOT NULL REFERENCES accounts(id),
    agent TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX account_sessions_of ON account_sessions (account_id, seen_at);
CREATE INDEX account_sessions_end ON account_sessions (expires_at);
CREATE INDEX account_sessions_seen ON account_sessions (seen_at);

-- Tries to sign in, counted by what they are counted for (hashed).
CREATE TABLE sign_in_tries (
    subject TEXT PRIMARY KEY,
    tries BIGINT NOT NULL,
    begun_at BIGINT NOT NULL
);
CREATE INDEX sign_in_tries_begun ON sign_in_tries (begun_at);

-- Who works on an application, and how much they may.
CREATE TABLE members (
    application_id BIGINT NOT NULL REFERENCES applications(id),
    account_id BIGINT NOT NULL REFERENCES accounts(id),
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (application_id, account_id)
);
CREATE INDEX members_of_account ON members (account_id, application_id);

-- Links by which somebody gets an account, and a role on an application where one is named. The
-- one that is printed while there is no account at all names none, and no address.
CREATE TABLE invitations (
    id {{id}},
    token_hash TEXT NOT NULL UNIQUE,
    application_id BIGINT REFERENCES applications(id),
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    invited_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX invitations_of ON invitations (application_id, id);
CREATE INDEX invitations_end ON invitations (expires_at);

-- What was changed, by whom. Never a secret.
CREATE TABLE audit_log (
    id {{id}},
    application_id BIGINT,
    account_id BIGINT,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX audit_log_of_application ON audit_log (application_id, id);
CREATE INDEX audit_log_at ON audit_log (at);

-- What a token may do, who made it, and until when it is good.
ALTER TABLE management_tokens ADD COLUMN role TEXT NOT NULL DEFAULT 'owner';
ALTER TABLE management_tokens ADD COLUMN made_by TEXT NOT NULL DEFAULT '';
ALTER TABLE management_tokens ADD COLUMN expires_at BIGINT;
