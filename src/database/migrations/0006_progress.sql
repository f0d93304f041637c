-- Which picker a pick was asked for in (hashed, for it is the client's own word), so that it can
-- ask how far its picks are.
ALTER TABLE picks ADD COLUMN picker_hash TEXT NOT NULL DEFAULT '';
CREATE INDEX picks_of_picker ON picks (session_hash, picker_hash, id)
    WHERE state = 0 AND picker_hash <> '';
