-- What one worker keeps, so that it can go on without its manager and after a restart.
--
-- Look at it with `sqlite3 -readonly worker-1.db`: `.schema` shows the comments below, and the view at the end is
-- meant for people. Identifiers are UUIDs in canonical form. Times are UTC with milliseconds, as
-- strftime('%Y-%m-%dT%H:%M:%fZ') prints them. Losing this file costs nothing but history: what is wanted comes from
-- the manager again, and what runs is seen by the labels of its containers.

CREATE TABLE meta (
    -- There is one row.
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- This worker's name, the label `orc.node` of its containers.
    node TEXT,
    -- Of the manager that it obeys. One of an older epoch is a copy from the past, and is not obeyed.
    cluster TEXT CHECK (length(cluster) = 36),
    epoch INTEGER NOT NULL CHECK (epoch >= 0),
    -- The last change of that manager which is in `records`.
    revision INTEGER NOT NULL CHECK (revision >= 0),
    -- Of the host when this was written: another one means that no container has survived.
    boot_id TEXT,
    -- The highest number ever given to an event; it outlives the rows.
    last_event INTEGER NOT NULL,
    created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z'),
    -- When the worker was started on this file last.
    opened_at TEXT NOT NULL CHECK (opened_at GLOB '????-??-??T??:??:??.???Z')
) STRICT;

CREATE TRIGGER meta_never_goes_back BEFORE UPDATE ON meta
WHEN new.last_event < old.last_event
BEGIN
    SELECT raise(ABORT, 'meta: no number of an event is given twice');
END;

-- One row for each task that this worker was given and has not been told to forget.
CREATE TABLE records (
    id TEXT PRIMARY KEY CHECK (length(id) = 36),
    -- Name and image stand in `spec` too; here they can be read beside a damaged spec.
    name TEXT NOT NULL,
    image TEXT NOT NULL,

    -- What the manager wants. `placement` is which of the task's placements this is.
    spec TEXT NOT NULL CHECK (json_valid(spec)),
    desired TEXT NOT NULL CHECK (desired IN ('run', 'stop')),
    placement INTEGER NOT NULL CHECK (placement >= 0),
    created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z'),

    -- What the worker saw and reports. `attempt` counts containers from 1, 0 = none yet.
    state TEXT NOT NULL CHECK (state IN ('pending', 'scheduled', 'running', 'completed', 'failed')),
    attempt INTEGER NOT NULL CHECK (attempt >= 0),
    restarts INTEGER NOT NULL CHECK (restarts >= 0),
    container TEXT,
    host_ports TEXT CHECK (json_valid(host_ports)),
    exit_code INTEGER,
    health TEXT NOT NULL CHECK (health IN ('none', 'starting', 'healthy', 'unhealthy')),
    started_at TEXT CHECK (started_at GLOB '????-??-??T??:??:??.???Z'),
    finished_at TEXT CHECK (finished_at GLOB '????-??-??T??:??:??.???Z'),
    -- Counts the changes to this row that the manager must hear of.
    observed_seq INTEGER NOT NULL CHECK (observed_seq >= 0),
    message TEXT NOT NULL,

    -- The attempt under way, written down before Docker is asked to create its container: its number, the
    -- container's name, the container once Docker has told, whether it was ever seen running, why it is being ended.
    current_number INTEGER CHECK (current_number > 0),
    current_name TEXT,
    current_container TEXT,
    current_ran INTEGER NOT NULL CHECK (current_ran IN (0, 1)),
    current_ending TEXT,

    -- Failures in a row that count against the restart policy; restarts in a row, which make the wait longer.
    failures INTEGER NOT NULL CHECK (failures >= 0),
    streak INTEGER NOT NULL CHECK (streak >= 0),
    -- The end of the wait before the next attempt, and how long it is in all.
    retry_at TEXT CHECK (retry_at GLOB '????-??-??T??:??:??.???Z'),
    retry_delay_ms INTEGER CHECK (retry_delay_ms >= 0),

    -- Over all columns above. A row that does not match it is not acted on; the manager sends the task again.
    checksum INTEGER,

    CHECK (name = spec ->> 'Name' AND image = spec ->> 'Image'),
    CHECK ((current_number IS NULL) = (current_name IS NULL)),
    CHECK ((retry_at IS NULL) = (retry_delay_ms IS NULL))
) STRICT;

CREATE TABLE event_kinds (
    word TEXT PRIMARY KEY,
    meaning TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO event_kinds (word, meaning) VALUES
    ('submitted', 'A task was accepted.'),
    ('stop-requested', 'A user asked for a task to be stopped.'),
    ('placed', 'A task was given to a node.'),
    ('unplaceable', 'No node fits a task.'),
    ('pulling', 'An image is being fetched, or could not be.'),
    ('started', 'An attempt''s container was started, or was found running.'),
    ('adopted', 'A container that runs already was taken over after a restart of orc.'),
    ('exited', 'An attempt ended by itself.'),
    ('trouble', 'Something could not be done and will be tried again.'),
    ('restarting', 'An attempt ended and another follows.'),
    ('healed', 'A container was put back as it should be.'),
    ('health', 'A health check changed its mind.'),
    ('completed', 'A task is done.'),
    ('failed', 'A task is given up.'),
    ('removed', 'A container was removed.'),
    ('node-ready', 'A node joined or came back.'),
    ('node-lost', 'A node has not been heard of for its lease.'),
    ('engine', 'An engine does not answer, or answers again.');

-- What this worker saw, until the manager has it.
CREATE TABLE events (
    seq INTEGER PRIMARY KEY CHECK (seq > 0),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??.???Z'),
    task TEXT,
    task_name TEXT NOT NULL,
    node TEXT,
    -- 0 = about none.
    attempt INTEGER NOT NULL CHECK (attempt >= 0),
    kind TEXT NOT NULL REFERENCES event_kinds (word),
    exit_code INTEGER,
    message TEXT NOT NULL
) STRICT;

-- What runs here, and why not: SELECT * FROM task_overview;
CREATE VIEW task_overview AS
SELECT
    -- The end of the identifier: its beginning is a time, which tasks of one minute share.
    substr(id, -12) AS id,
    name,
    state,
    desired,
    image,
    coalesce(current_name, '-') AS container_name,
    coalesce((
        SELECT group_concat(published, ', ') FROM (
            SELECT DISTINCT (binding.value ->> 'HostPort') || '->' || port.key AS published
            FROM json_each(CASE WHEN json_valid(host_ports) THEN host_ports END) AS port,
                json_each(port.value) AS binding
        )
    ), '') AS ports,
    attempt,
    restarts,
    failures,
    coalesce(retry_at, '-') AS next_attempt,
    CASE health WHEN 'none' THEN '-' ELSE health END AS health,
    CASE
        WHEN seconds < 120 THEN max(seconds, 0) || ' seconds'
        WHEN seconds < 7200 THEN (seconds / 60) || ' minutes'
        WHEN seconds < 172800 THEN (seconds / 3600) || ' hours'
        ELSE (seconds / 86400) || ' days'
    END AS age,
    message
FROM (SELECT *, unixepoch('now') - unixepoch(created_at) AS seconds FROM records)
ORDER BY created_at, name;
