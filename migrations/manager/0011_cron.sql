-- Services that run by the clock: when the next run is due, and what became of those before.

-- When the next run is due, by the clock on the wall: written in the same transaction as the runs that begin, so that no
-- crash repeats or loses one. NULL = it does not run by the clock, or never again.
ALTER TABLE services ADD COLUMN next_run TEXT CHECK (next_run GLOB '????-??-??T??:??:??.???Z');
-- 1 = a user has suspended it: runs that come due are left out. NULL = no.
ALTER TABLE services ADD COLUMN suspended INTEGER CHECK (suspended = 1);
-- The number of its last run; NULL = it never had one.
ALTER TABLE services ADD COLUMN last_run INTEGER CHECK (last_run > 0);

-- Those that are not over, and of each service the last hundred that are, and the last hundred that were left out.
CREATE TABLE service_runs (
    service TEXT NOT NULL REFERENCES services (name) ON DELETE CASCADE,
    -- From 1: also the slot of its task.
    run INTEGER NOT NULL CHECK (run > 0),
    -- The version of the service that it is of.
    version INTEGER NOT NULL CHECK (version > 0),
    -- When it was due, or was asked for.
    due_at TEXT NOT NULL CHECK (due_at GLOB '????-??-??T??:??:??.???Z'),
    -- Who asked for it, and the request; NULL = the clock.
    asked_by TEXT,
    request TEXT,
    -- NULL = it was left out, or waits for the run before it to end.
    task TEXT,
    begun_at TEXT CHECK (begun_at GLOB '????-??-??T??:??:??.???Z'),
    -- NULL = it goes on.
    ended_at TEXT CHECK (ended_at GLOB '????-??-??T??:??:??.???Z'),
    -- 'replaced' may come before the end: its task is being stopped then.
    outcome TEXT CHECK (outcome IN ('succeeded', 'failed', 'skipped', 'replaced', 'stopped')),
    exit_code INTEGER,
    -- Why it was left out, failed, was replaced or waits.
    why TEXT NOT NULL,
    -- As in `tasks`.
    checksum INTEGER,
    PRIMARY KEY (service, run),
    CHECK ((task IS NULL) = (begun_at IS NULL)),
    CHECK (ended_at IS NULL OR outcome IS NOT NULL),
    CHECK (outcome IS NOT 'skipped' OR task IS NULL)
) STRICT;

INSERT INTO event_kinds (word, meaning) VALUES
    ('run', 'A run of a service by the clock was left out or replaced, or is over; or its runs are suspended or go on.');

-- The services that run by the clock, what became of their last run, and when the next one is.
CREATE VIEW cron_overview AS
SELECT
    services.name,
    wanted.spec ->> '$.Mode.cron.Schedule' AS schedule,
    wanted.spec ->> '$.Mode.cron.TimeZone' AS time_zone,
    CASE WHEN services.suspended THEN 'suspended' ELSE coalesce(services.next_run, 'never') END AS next_run,
    (SELECT count(*) FROM service_runs WHERE service = services.name AND ended_at IS NULL) AS running,
    last.run AS last_run,
    last.due_at AS last_due_at,
    coalesce(last.outcome, CASE WHEN last.task IS NULL THEN 'waiting' ELSE 'running' END) AS last_outcome,
    last.exit_code,
    last.why
FROM services
JOIN service_versions AS wanted ON wanted.service = services.name
LEFT JOIN service_runs AS last
    ON last.service = services.name
    AND last.run = (SELECT max(run) FROM service_runs WHERE service = services.name)
WHERE
    wanted.version = (SELECT max(version) FROM service_versions WHERE service = services.name)
    AND json_valid(wanted.spec)
    AND wanted.spec ->> '$.Mode.cron.Schedule' IS NOT NULL
ORDER BY services.name;
