-- A million rows, most of them of one application and long done, as after months of use.
-- :app is the application, :endpoints its endpoints.
INSERT INTO applications (name, apikey, secret, created_at)
SELECT 'other ' || n, 'other' || n, secret, 0 FROM applications, generate_series(1, 2000) n
WHERE id = :app;

INSERT INTO connections (application_id, app_key, account_id, refresh_token, access_token,
    access_expires_at, state, created_at, updated_at, last_used_at)
SELECT :app, 'test-app-key', 'account-' || n, CASE WHEN n % 5 = 0 AND n % 100 > 0 THEN ''::bytea ELSE 'x' END, 'x', 0,
    CASE WHEN n % 5 = 0 THEN 2 ELSE 0 END, :now - n * 250000::bigint, :now - n * 250000::bigint, :now
FROM generate_series(1, 40000) n;

INSERT INTO sessions (token_hash, application_id, connection_id, created_at, expires_at)
SELECT md5(n::text), :app, c.id, :now, :now + (n - 1000) * 60000::bigint
FROM (SELECT id, row_number() OVER () AS n FROM connections WHERE state = 0) c;

INSERT INTO authorizations (state_hash, application_id, session_hash, purpose, created_at,
    ended_at, expires_at)
SELECT md5('a' || n), :app, md5(n::text), 'open', :now, :now, :now + (n - 500) * 1000::bigint
FROM generate_series(1, 40000) n;

INSERT INTO files (handle, application_id, kind, provider, client, storage_key, filename, mimetype,
    size, connection_id, source_path, created_at, modified_at, deleted_at)
SELECT substr(md5('f' || n), 1, 20), :app, CASE WHEN n % 20 = 0 THEN 1 ELSE 0 END, 'internal',
    'Dropbox', 'docs/' || md5('f' || n), 'a.txt', 'text/plain', 1000, (n % 30000) + 1, '/a.txt',
    :now - n * 45000::bigint, 0, CASE WHEN n % 25 = 0 THEN :now - n * 44000::bigint END
FROM generate_series(1, 190000) n;

INSERT INTO garbage (storage_key, not_before)
SELECT 'docs/' || md5('g' || n), :now + (n - 300) * 30000::bigint FROM generate_series(1, 40000) n;

INSERT INTO picks (application_id, session_hash, connection_id, dedup, source_path, request, handle,
    state, lease_until, created_at, updated_at)
SELECT :app, md5(n::text), (n % 30000) + 1, 'd' || n, '/a', '{}', substr(md5('p' || n), 1, 20),
    CASE WHEN n > 189700 THEN 0 WHEN n % 30 = 0 THEN 2 ELSE 1 END, :now + 86400000, t, t
FROM (SELECT n, :now - (190000 - n) * 45000::bigint AS t FROM generate_series(1, 190000) n) s;

INSERT INTO uploads (id, application_id, token_hash, handle, request, state, created_at, expires_at)
SELECT n, :app, md5('u' || n), substr(md5('u' || n), 1, 20), '{}', CASE WHEN n % 50 = 0 THEN 0 ELSE 1 END,
    :now - n * 40000::bigint, :now + (n - 300) * 30000::bigint
FROM generate_series(1, 40000) n;

INSERT INTO upload_pieces (upload_id, part, piece_offset, size, md5, storage_key)
SELECT (n / 50) * 50, n % 50 + 1, 0, 1000, md5(n::text), '.parts/' || md5('u' || n)
FROM generate_series(1, 40000) n;
SELECT setval(pg_get_serial_sequence('uploads', 'id'), 50000);

INSERT INTO events (id, application_id, action, handle, text, created_at)
SELECT n, :app, 'fp.upload', substr(md5('f' || n), 1, 20), '{"a":1}', :now - (190000 - n) * 45000::bigint
FROM generate_series(1, 190000) n;

INSERT INTO deliveries (id, event_id, endpoint_id, application_id, state, attempts, first_at,
    next_at, created_at, updated_at)
SELECT n, n, (:endpoints)[1 + n % 4],
    :app, CASE WHEN n > 187000 THEN 0 WHEN n % 4 = 3 AND n % 100 < 8 THEN 4 WHEN n % 100 = 30 THEN 2
        WHEN n % 1000 = 1 THEN 3 ELSE 1 END, 1, t, :now + n * 200::bigint, t, t
FROM (SELECT n, :now - (190000 - n) * 45000::bigint AS t FROM generate_series(1, 190000) n) s;

INSERT INTO attempts (delivery_id, number, started_at, duration_ms, status, response_headers,
    response_body)
SELECT n, 1, :now - (190000 - n) * 45000::bigint, 5, 200, '{"a":"b"}', 'ok'
FROM generate_series(1, 190000) n;

SELECT setval(pg_get_serial_sequence('events', 'id'), 200000);
SELECT setval(pg_get_serial_sequence('deliveries', 'id'), 200000);
UPDATE endpoints SET state = 1 WHERE id = (:endpoints)[4];
ANALYZE;
