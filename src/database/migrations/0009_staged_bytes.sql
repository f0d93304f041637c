-- How many bytes of an application lie in pieces of uploads that are not completed. Counted in the
-- transactions that write a piece down and that let it go, so that nobody has to add them all up
-- for each piece.
CREATE TABLE staged_bytes (
    application_id BIGINT PRIMARY KEY REFERENCES applications(id),
    bytes BIGINT NOT NULL
);
INSERT INTO staged_bytes (application_id, bytes)
SELECT application_id, CAST(SUM(stored_bytes) AS BIGINT) FROM uploads
WHERE state <> 1 GROUP BY application_id;
