-- Tables that Telegraf fills, one for each topic, and views without doubles: docs/gateway.md.
-- Times are those of the payloads' `ts`; `stream` and the window's number drop doubles.

CREATE TABLE score (
    time timestamptz NOT NULL,
    board text NOT NULL,
    stream bigint NOT NULL,
    "index" bigint,
    "score" double precision,
    "threshold" double precision,
    "flag" boolean,
    "microseconds" bigint,
    "alarm" boolean,
    "drifted" boolean
);
CREATE INDEX ON score (board, time DESC);

CREATE TABLE not_judged (
    time timestamptz NOT NULL,
    board text NOT NULL,
    stream bigint NOT NULL,
    "index" bigint,
    "reason" text
);
CREATE INDEX ON not_judged (board, time DESC);

CREATE TABLE lost (
    time timestamptz NOT NULL,
    board text NOT NULL,
    stream bigint NOT NULL,
    "first" bigint,
    "count" bigint,
    "reason" text
);
CREATE INDEX ON lost (board, time DESC);

CREATE TABLE missing (
    time timestamptz NOT NULL,
    board text NOT NULL,
    stream bigint NOT NULL,
    "first_frame" bigint,
    "count" bigint,
    "reason" text
);
CREATE INDEX ON missing (board, time DESC);

CREATE TABLE alarm (
    time timestamptz NOT NULL,
    board text NOT NULL,
    stream bigint NOT NULL,
    "index" bigint,
    "on" boolean
);
CREATE INDEX ON alarm (board, time DESC);

CREATE TABLE drift (
    time timestamptz NOT NULL,
    board text NOT NULL,
    stream bigint NOT NULL,
    "index" bigint,
    "recalibrate" boolean
);
CREATE INDEX ON drift (board, time DESC);

CREATE TABLE link (
    time timestamptz NOT NULL,
    board text NOT NULL,
    stream bigint NOT NULL,
    "sent" bigint,
    "received" bigint,
    "corrupt" bigint,
    "missing" bigint,
    "resent" bigint,
    "board_received" bigint,
    "board_corrupt" bigint,
    "board_missing" bigint,
    "board_resent" bigint
);
CREATE INDEX ON link (board, time DESC);

-- At least once on the way, once here.
CREATE VIEW window_score AS
    SELECT DISTINCT ON (board, stream, "index") * FROM score
    ORDER BY board, stream, "index", time;

-- In TimescaleDB, tables are divided by time and kept for a year; plain PostgreSQL keeps everything.
DO $$
DECLARE
    name text;
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE pg_available_extensions.name = 'timescaledb') THEN
        CREATE EXTENSION IF NOT EXISTS timescaledb;
        FOREACH name IN ARRAY ARRAY['score', 'not_judged', 'lost', 'missing', 'alarm', 'drift', 'link'] LOOP
            PERFORM create_hypertable(name::regclass, 'time', migrate_data => true);
            PERFORM add_retention_policy(name::regclass, INTERVAL '1 year');
        END LOOP;
    END IF;
END
$$;
