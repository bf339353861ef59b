-- :count runs of half as many units: one every 20 seconds, each unit twice, of ten parts with two revisions each.
-- What few have, ten or twenty runs have, however many there are. Ids are in the order of making, as ours are.

CREATE TEMP TABLE numbers (n INTEGER PRIMARY KEY);
INSERT INTO numbers
WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :count)
SELECT n FROM numbers;

INSERT INTO parts (id, number, number_key, name, created_at, ordinal, edits)
SELECT 'part-' || n, 'PN-' || n, 'pn-' || n, 'Part', '2026-01-01 00:00:00.000000', n + 1, 0 FROM numbers WHERE n < 10;

INSERT INTO revisions (id, part_id, number, number_key, is_default, created_at, edits)
SELECT 'revision-' || n, 'part-' || (n % 10), 'R' || (n / 10), 'r' || (n / 10), n < 10, '2026-01-01 00:00:00.000000', 0
FROM numbers WHERE n < 20;

INSERT INTO batches (id, number, number_key, created_at, ordinal, edits)
SELECT 'batch-' || n, 'B' || n, 'b' || n, '2026-01-01 00:00:00.000000', n + 1, 0 FROM numbers WHERE n < 10;

INSERT INTO procedure_versions (id, procedure_id, tag, tag_key, created_at)
SELECT 'version-' || n, ':procedure', 'v' || n, 'v' || n, '2026-01-01 00:00:00.000000' FROM numbers WHERE n < 5;

INSERT INTO units (
    id, serial_number, serial_key, revision_id, batch_id, sample, metadata, created_at, run_count, ordinal, edits
)
SELECT
    printf('%08x-0000-7000-8000-%012x', n, n), printf('SN-%07d', n), printf('sn-%07d', n), 'revision-' || (n % 20),
    'batch-' || (n % 10), IIF(n < 10, 'golden', NULL), '{}',
    strftime('%Y-%m-%d %H:%M:%S', '2026-01-01', '+' || n || ' seconds') || '.000000', 2, n + 1, 0
FROM numbers WHERE n < :count / 2;

INSERT INTO runs (
    id, procedure_id, procedure_version_id, unit_id, part_id, revision_id, batch_id, station_id, outcome, started_at,
    ended_at, duration_ms, created_at, execution_id, slot_key, operated_by_name, metadata, ordinal, is_simulated,
    has_made_unit, edits
)
SELECT
    printf('%08x-0000-7000-8000-%012x', n, n), ':procedure', 'version-' || (n % 5),
    printf('%08x-0000-7000-8000-%012x', unit, unit), 'part-' || (unit % 10), 'revision-' || (unit % 20),
    'batch-' || (unit % 10), ':station',
    CASE n % 10 WHEN 3 THEN 'FAIL' WHEN 7 THEN 'ERROR' ELSE 'PASS' END,
    strftime('%Y-%m-%d %H:%M:%S', '2026-01-01', '+' || (20 * n) || ' seconds') || '.000000',
    strftime('%Y-%m-%d %H:%M:%f', '2026-01-01', '+' || (20 * n + length_ms / 1000.0) || ' seconds') || '000',
    length_ms,
    strftime('%Y-%m-%d %H:%M:%f', '2026-01-01', '+' || (20 * n + length_ms / 1000.0 + 0.5) || ' seconds') || '000',
    'execution-' || n, '', IIF(n % 2, 'MK', 'JD'),
    printf('{"fixture": "F%d", "lot": "L%d"}', IIF(is_rare, 99, n % 4), n / 1000), n + 1, 0, 0, 0
FROM (
    SELECT
        n, n % (:count / 2) AS unit, n % (:count / 10) = 7 AS is_rare,
        IIF(n % (:count / 10) = 7, 90000, 5000 + n * 7919 % 55000) AS length_ms
    FROM numbers
);

INSERT INTO run_metadata_values (run_id, key, value, started_at)
SELECT runs.id, one.key, 't:' || one.value, runs.started_at FROM runs, json_each(runs.metadata) AS one;

INSERT OR IGNORE INTO unit_serial_pieces (piece, unit_id)
SELECT substr(units.serial_key, numbers.n, 12), units.id FROM units, numbers WHERE numbers.n BETWEEN 1 AND 10;

INSERT INTO counters (name, value) SELECT 'unit_serial_pieces', COUNT(*) FROM units;
