-- Services: what should run as several tasks, its versions, and which task belongs to which.

CREATE TABLE services (
    name TEXT PRIMARY KEY,
    -- Whether it should be there, or be removed with all its tasks. Written on a user's word alone.
    desired TEXT NOT NULL CHECK (desired IN ('run', 'stop')),
    -- The last version that was healthy in every slot; NULL = none was. The wanted one is the highest there is.
    stable INTEGER,
    -- How far the wanted version may go: into its first slots until somebody promotes it, into all, or into all
    -- whatever fails there.
    stage TEXT NOT NULL CHECK (stage IN ('canary', 'whole', 'regardless')),
    -- Whether somebody, or a failure, holds the rollout.
    paused INTEGER NOT NULL CHECK (paused IN (0, 1)),
    -- Tasks of the wanted version that failed and are no more.
    failures INTEGER NOT NULL CHECK (failures >= 0),
    -- Tasks that were ever started for it.
    started INTEGER NOT NULL CHECK (started >= 0),
    -- Why its rollout is as it is.
    message TEXT NOT NULL,
    created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z'),
    updated_at TEXT NOT NULL CHECK (updated_at GLOB '????-??-??T??:??:??.???Z'),
    -- As in `tasks`.
    checksum INTEGER
) STRICT;

CREATE TABLE service_versions (
    service TEXT NOT NULL REFERENCES services (name) ON DELETE CASCADE,
    version INTEGER NOT NULL CHECK (version > 0),
    -- The first version whose tasks were as those of this one: these need not be replaced.
    template INTEGER NOT NULL CHECK (template > 0),
    -- What it asks for: Mode, Task, Update, Rollback, Labels.
    spec TEXT NOT NULL CHECK (json_valid(spec)),
    -- The version that it brings back, if it does.
    restores INTEGER,
    -- Who made it, and why.
    made_by TEXT NOT NULL,
    why TEXT NOT NULL,
    made_at TEXT NOT NULL CHECK (made_at GLOB '????-??-??T??:??:??.???Z'),
    checksum INTEGER,
    PRIMARY KEY (service, version)
) STRICT;

-- The service of a task, its slot there as JSON (a number, or a node's name), and the version by whose template it was
-- made. Tasks outlive services, so these refer to nothing.
ALTER TABLE tasks ADD COLUMN service TEXT;
ALTER TABLE tasks ADD COLUMN slot TEXT CHECK (json_valid(slot));
ALTER TABLE tasks ADD COLUMN version INTEGER;
CREATE INDEX tasks_service ON tasks (service) WHERE service IS NOT NULL;

-- The service that a line of history is about; of a task's, the task's.
ALTER TABLE events ADD COLUMN service TEXT;
CREATE INDEX events_service ON events (service) WHERE service IS NOT NULL;

INSERT INTO event_kinds (word, meaning) VALUES
    ('service-changed', 'A user changed what a service should be, or orc brought an earlier version of it back.'),
    ('service-removed', 'A user wants a service to be no more.'),
    ('rollout', 'A rollout came to its end, failed, is held or goes on.');

-- The services, what is wanted of each, and what there is.
CREATE VIEW service_overview AS
SELECT
    services.name,
    wanted.version,
    coalesce(services.stable, '-') AS stable,
    CASE WHEN json_valid(wanted.spec) THEN wanted.spec ->> '$.Task.Image' END AS image,
    CASE WHEN json_valid(wanted.spec) THEN wanted.spec ->> '$.Mode' END AS mode,
    (
        SELECT count(*) FROM tasks
        WHERE tasks.service = services.name AND tasks.state = 'running' AND tasks.desired = 'run'
    ) AS running,
    CASE
        WHEN services.desired = 'stop' THEN 'is removed'
        WHEN services.paused THEN 'paused'
        WHEN services.stable = wanted.version THEN 'settled'
        ELSE services.stage
    END AS rollout,
    services.message,
    services.updated_at
FROM services
JOIN service_versions AS wanted ON wanted.service = services.name
WHERE wanted.version = (SELECT max(version) FROM service_versions WHERE service = services.name)
ORDER BY services.name;
