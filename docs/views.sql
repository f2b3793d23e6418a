-- Views of a store for people who read it with SQLite's own shell:
--
--   sqlite3 -readonly -init views.sql store.db 'SELECT store_name, key, size FROM v_entries'
--
-- The views are temporary: nothing is written to the store, which accepts no views of its own.
-- Names and times are those of `ecache ls`, `stores`, `stats`, `log` and `limit ls` with --json.
-- SQLite 3.38 or later. docs/format.md says what each view has.
--
-- Checksums are not verified, and secrets are not masked. Calls that are not folded into the store
-- yet are in the file `-usage`: `ecache stats` folds them.

-- The names of users, operators, prompts and functions are in one table.
CREATE TEMP VIEW v_entries AS
SELECT
    s.name AS store_name,
    CASE typeof(e.key) WHEN 'blob' THEN lower(hex(e.key)) ELSE e.key END AS key,
    nullif(s.dataset, '') AS dataset_id,
    s.collection AS collection,
    CASE e.policy WHEN 0 THEN 'persist' ELSE 'evict' END AS policy,
    strftime('%Y-%m-%dT%H:%M:%fZ', e.created_at / 1000.0, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', e.updated_at / 1000.0, 'unixepoch') AS updated_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', e.expires_at / 1000.0, 'unixepoch') AS expires_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', u.last_used_at / 1000.0, 'unixepoch') AS last_used_at,
    ifnull(u.hits, 0) AS hits,
    ifnull(u.saved_ms, 0) AS saved_ms,
    e.size AS size,
    CASE e.kind WHEN 0 THEN 'json' WHEN 1 THEN 'text' WHEN 2 THEN 'bytes' ELSE 'command' END AS kind,
    (SELECT name FROM names WHERE id = e.user) AS user_id,
    (SELECT name FROM names WHERE id = e.operator) AS operator_uri,
    (SELECT name FROM names WHERE id = e.prompt) AS prompt_id,
    -- Without a token, NULL: hex() would make an empty text of it.
    CASE WHEN e.jwt_sha256 IS NOT NULL THEN lower(hex(e.jwt_sha256)) END AS jwt_sha256,
    (SELECT name FROM names WHERE id = e.function) AS function,
    e.args AS args,
    e.cost_ms AS cost_ms,
    -- A value above 1 MiB lies in `chunks`.
    CASE WHEN e.blob IS NULL THEN CASE WHEN e.kind < 2 THEN CAST(e.value AS TEXT) ELSE e.value END END AS value
FROM entries AS e
JOIN stores AS s ON s.id = e.store AND s.retired = 0
LEFT JOIN uses AS u ON u.entry = e.id
-- The others are removed, and kept for `undo`.
WHERE e.kind < 4;

CREATE TEMP VIEW v_stores AS
SELECT
    s.name AS store_name,
    nullif(s.dataset, '') AS dataset_id,
    s.collection AS collection,
    (SELECT count(*) FROM entries AS e WHERE e.store = s.id AND e.kind < 4) AS entries,
    (SELECT ifnull(sum(e.size), 0) FROM entries AS e WHERE e.store = s.id AND e.kind < 4) AS size,
    s.metadata AS metadata
FROM stores AS s
WHERE s.retired = 0
    AND (s.metadata IS NOT NULL OR EXISTS (SELECT 1 FROM entries AS e WHERE e.store = s.id AND e.kind < 4));

-- The numbers and texts of the records in `history`, for the views below.
--
-- A form has a letter for each: a small one for a number, a capital for a text, which follows the
-- number of its bytes. A number is in groups of seven bits, the lowest first; but in usage, the sign
-- is its lowest bit.
CREATE TEMP VIEW v_fields AS
WITH RECURSIVE
records(kind, at, id, body, form, place) AS (
    SELECT kind, at, id, body, 'adubcesrtpoglmvUHCF', 9 FROM history WHERE kind = 1 AND id = 0
    UNION ALL
    SELECT kind, at, id, body, 'NV', 9 FROM history WHERE kind = 2
    UNION ALL
    -- A byte of flags says which names follow their length: 80 for none. 81 begins no counts.
    SELECT kind, at, id, body,
        CASE hex(substr(body, 9, 1)) WHEN '80' THEN '' ELSE
            'nCS' || substr('D', 1, flags & 1) || substr('U', 1, flags >> 1 & 1) || substr('O', 1, flags >> 2 & 1)
        END || 'hsfmrbexvpla',
        10
    FROM (SELECT *, instr('1234567', substr(hex(substr(body, 9, 1)), 2)) AS flags FROM history WHERE kind = 3)
    WHERE hex(substr(body, 9, 1)) <> '81'
    UNION ALL
    SELECT kind, at, id, body, 'ebvctG', 9 FROM history WHERE kind = 7
),
codes(code, digits) AS (
    SELECT 0, '00' UNION ALL SELECT code + 1, printf('%02X', code + 1) FROM codes WHERE code < 255
),
-- A row for each byte of a number: the next place, the number so far, and its last byte, which is
-- below 128 where the number is complete.
bytes(kind, at, id, body, form, place, shift, number, code) AS (
    SELECT kind, at, id, body, ' ' || form, place, 0, 0, 0 FROM records
    UNION ALL
    SELECT kind, at, id, body,
        CASE WHEN b.code < 128 THEN substr(form, 2) ELSE form END,
        place + CASE WHEN b.code < 128 AND form >= 'A' AND form < 'a' THEN number >> (kind <> 3) ELSE 0 END + 1,
        CASE WHEN b.code < 128 THEN 0 ELSE shift + 7 END,
        CASE WHEN b.code < 128 THEN codes.code & 127 ELSE number | ((codes.code & 127) << (shift + 7)) END,
        codes.code
    FROM bytes AS b
    JOIN codes ON codes.digits = hex(substr(body, place
        + CASE WHEN b.code < 128 AND form >= 'A' AND form < 'a' THEN number >> (kind <> 3) ELSE 0 END, 1))
    WHERE b.code >= 128 OR length(form) > 1
)
SELECT kind, at, id, substr(form, 1, 1) AS field,
    CASE
        WHEN form < 'a' THEN CAST(substr(body, place, number >> (kind <> 3)) AS TEXT)
        WHEN kind = 3 THEN number
        WHEN number & 1 THEN ~(number >> 1 & 9223372036854775807)
        ELSE number >> 1 & 9223372036854775807
    END AS value
FROM bytes WHERE code < 128 AND form >= 'A';

CREATE TEMP VIEW v_usage AS
SELECT
    strftime('%Y-%m-%dT%H:%M:%SZ', at / 1000, 'unixepoch') AS begins_at,
    -- The default collection is stored as an empty text; no names at all are the calls for which
    -- there was no row left.
    CASE WHEN store_name IS NOT NULL THEN ifnull(nullif(collection, ''), 'execution_store') END AS collection,
    store_name, dataset_id, user_id, operator_uri,
    hits + misses AS calls,
    hits, stale, followers, misses, refreshes, bypasses, errors, evictions, saved_ms, spent_ms,
    lost_ms, evicted_age_ms / nullif(evictions, 0) AS evicted_age_ms
FROM (
    SELECT at,
        max(value) FILTER (WHERE field = 'C') AS collection,
        max(value) FILTER (WHERE field = 'S') AS store_name,
        max(value) FILTER (WHERE field = 'D') AS dataset_id,
        max(value) FILTER (WHERE field = 'U') AS user_id,
        max(value) FILTER (WHERE field = 'O') AS operator_uri,
        max(value) FILTER (WHERE field = 'h') AS hits,
        max(value) FILTER (WHERE field = 's') AS stale,
        max(value) FILTER (WHERE field = 'f') AS followers,
        max(value) FILTER (WHERE field = 'm') AS misses,
        max(value) FILTER (WHERE field = 'r') AS refreshes,
        max(value) FILTER (WHERE field = 'b') AS bypasses,
        max(value) FILTER (WHERE field = 'e') AS errors,
        max(value) FILTER (WHERE field = 'x') AS evictions,
        max(value) FILTER (WHERE field = 'v') AS saved_ms,
        max(value) FILTER (WHERE field = 'p') AS spent_ms,
        max(value) FILTER (WHERE field = 'l') AS lost_ms,
        max(value) FILTER (WHERE field = 'a') AS evicted_age_ms
    FROM v_fields WHERE kind = 3 GROUP BY at, id
);

CREATE TEMP VIEW v_operations AS
WITH RECURSIVE stored AS MATERIALIZED (
    SELECT at AS op,
        max(value) FILTER (WHERE field = 'a') AS at,
        max(value) FILTER (WHERE field = 'd') AS did,
        nullif(max(value) FILTER (WHERE field = 'u'), 0) AS undoes,
        nullif(max(value) FILTER (WHERE field = 'b'), 0) AS undone_by,
        max(value) FILTER (WHERE field = 'c') AS documents,
        max(value) FILTER (WHERE field = 'e') AS entries,
        max(value) FILTER (WHERE field = 's') AS size,
        max(value) FILTER (WHERE field = 'r') AS replaced,
        max(value) FILTER (WHERE field = 'm') AS settings,
        sum(value) FILTER (WHERE field IN ('p', 'g', 'l', 'm', 'v')) AS kept,
        max(value) FILTER (WHERE field = 'U') AS user,
        max(value) FILTER (WHERE field = 'H') AS host,
        max(value) FILTER (WHERE field = 'C') AS command,
        max(value) FILTER (WHERE field = 'F') AS filter
    FROM v_fields WHERE kind = 1 GROUP BY at
),
-- An undo can be undone: an operation is undone after an odd number of them, and the last one keeps
-- what it takes to go on.
chain(op, last, steps) AS (
    SELECT op, op, 0 FROM stored
    UNION ALL SELECT chain.op, undone_by, steps + 1
    FROM chain JOIN stored ON stored.op = chain.last WHERE undone_by > chain.last
),
ends AS (SELECT op, last, max(steps) % 2 AS is_undone FROM chain GROUP BY op),
state AS (
    SELECT ends.op, last, is_undone, NOT is_undone AND kept > 0 AS undoable,
        strftime('%Y-%m-%dT%H:%M:%fZ', (at + ifnull(keep_ms, 86400000)) / 1000.0, 'unixepoch') AS until
    FROM ends JOIN stored ON stored.op = ends.last
    LEFT JOIN (SELECT CAST(value AS INTEGER) AS keep_ms FROM v_settings WHERE name = 'undo_keep')
)
SELECT
    op,
    strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') AS at,
    user, host, command, filter,
    CASE did WHEN 0 THEN 'removed' WHEN 1 THEN 'restored' WHEN 2 THEN 'written' WHEN 3 THEN 'touched'
        WHEN 4 THEN 'renamed' WHEN 5 THEN 'set' END AS did,
    max(entries, 0) AS entries, max(size, 0) AS size, replaced, documents, settings,
    -- Until that time; the command says that it is over then.
    undoable, iif(undoable, until, NULL) AS undo_until,
    iif(is_undone, last, NULL) AS undone_by, undoes
FROM stored JOIN state USING (op);

CREATE TEMP VIEW v_settings AS
SELECT at AS place,
    max(value) FILTER (WHERE field = 'N') AS name,
    max(value) FILTER (WHERE field = 'V') AS value
FROM v_fields WHERE kind = 2 GROUP BY at, id;

CREATE TEMP VIEW v_limits AS
SELECT
    ifnull(nullif(used.name, ''), substr(v_settings.name, 7)) AS scope,
    CASE WHEN instr(value, 'max_size=') THEN CAST(substr(value, instr(value, 'max_size=') + 9) AS INTEGER) END AS max_bytes,
    iif(is_each AND used.id = 0, NULL, used_bytes) AS used_bytes,
    CASE WHEN instr(value, 'max_entries=') THEN CAST(substr(value, instr(value, 'max_entries=') + 12) AS INTEGER) END AS max_entries,
    iif(is_each AND used.id = 0, NULL, entries) AS entries,
    iif(is_each AND used.id = 0, NULL, evictions) AS evictions,
    iif(is_each AND used.id = 0, NULL, lost_ms) AS lost_ms,
    CASE WHEN instr(value, 'default_ttl_ms=') THEN CAST(substr(value, instr(value, 'default_ttl_ms=') + 15) AS INTEGER) END AS default_ttl_ms,
    CASE WHEN instr(value, 'min_cost_ms=') THEN CAST(substr(value, instr(value, 'min_cost_ms=') + 12) AS INTEGER) END AS min_cost_ms,
    CASE WHEN instr(value, 'min_free_percent=') THEN CAST(substr(value, instr(value, 'min_free_percent=') + 17) AS INTEGER) END AS min_free_percent
FROM (SELECT *, name LIKE '% each' AS is_each FROM v_settings) AS v_settings
JOIN (
    SELECT at, id,
        max(value) FILTER (WHERE field = 'e') AS entries,
        max(value) FILTER (WHERE field = 'b') AS used_bytes,
        max(value) FILTER (WHERE field = 'v') AS evictions,
        max(value) FILTER (WHERE field = 't') AS lost_ms,
        max(value) FILTER (WHERE field = 'G') AS name
    FROM v_fields WHERE kind = 7 GROUP BY at, id
) AS used ON used.at = v_settings.place
-- A limit for each group has a row of its own, without figures. The entries that were added last, up
-- to 32, are in no counter yet: `ecache limit ls` counts them.
WHERE v_settings.name LIKE 'limit %' AND (is_each OR used.id = 0);
