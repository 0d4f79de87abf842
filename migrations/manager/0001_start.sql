-- What is wanted of a cluster, where it was placed, what was seen of it, and what happened.
--
-- Look at it with `sqlite3 -readonly manager.db`: `.schema` shows the comments below, and the views at the
-- end are meant for people. Identifiers are UUIDs in canonical form. Times are UTC with milliseconds, as
-- strftime('%Y-%m-%dT%H:%M:%fZ') prints them, so they sort as text and SQLite's date functions read them.

CREATE TABLE meta (
    -- There is one row.
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- The label `orc.cluster` of every container of this cluster.
    cluster TEXT NOT NULL CHECK (length(cluster) = 36),
    -- How often a manager was started on this file. A worker obeys no manager of an older epoch.
    epoch INTEGER NOT NULL,
    -- Counts the changes that workers must hear of.
    revision INTEGER NOT NULL,
    -- The highest numbers ever given out; they outlive the rows that had them.
    last_task INTEGER NOT NULL,
    last_event INTEGER NOT NULL,
    created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z'),
    -- When a manager was started on this file last.
    opened_at TEXT NOT NULL CHECK (opened_at GLOB '????-??-??T??:??:??.???Z')
) STRICT;

CREATE TRIGGER meta_never_goes_back BEFORE UPDATE ON meta
WHEN new.cluster <> old.cluster OR new.epoch < old.epoch OR new.revision < old.revision
    OR new.last_task < old.last_task OR new.last_event < old.last_event
BEGIN
    SELECT raise(ABORT, 'meta: a cluster keeps its name, and its counts never go back');
END;

CREATE TABLE nodes (
    -- The worker's name, the label `orc.node` of its containers.
    name TEXT PRIMARY KEY,
    -- What the worker said of its machine: Ip, Api, Cores, Memory, Disk, Engine, Version, Labels.
    facts TEXT NOT NULL CHECK (json_valid(facts)),
    -- Whether the manager hears of it.
    state TEXT NOT NULL CHECK (state IN ('ready', 'degraded', 'unreachable')),
    -- What the operator lets it do.
    availability TEXT NOT NULL CHECK (availability IN ('active', 'pause', 'drain')),
    -- Why it is as it is.
    message TEXT NOT NULL,
    joined_at TEXT NOT NULL CHECK (joined_at GLOB '????-??-??T??:??:??.???Z'),
    -- Not written at every heartbeat.
    seen_at TEXT NOT NULL CHECK (seen_at GLOB '????-??-??T??:??:??.???Z'),
    -- The number of this worker's last event that is in `events`.
    events_seen INTEGER NOT NULL CHECK (events_seen >= 0)
) STRICT;

CREATE TABLE tasks (
    -- In the order in which tasks were accepted: they are placed and listed by it.
    seq INTEGER PRIMARY KEY CHECK (seq > 0),
    id TEXT NOT NULL UNIQUE CHECK (length(id) = 36),
    -- Name and image stand in `spec` too; here they can be indexed, and read beside a damaged spec.
    name TEXT NOT NULL,
    image TEXT NOT NULL,
    -- What the user asked for. Never changes.
    spec TEXT NOT NULL CHECK (json_valid(spec)),
    -- The only node that it may run on, which may not have joined yet.
    pinned TEXT,

    -- Written on a user's word alone.
    desired TEXT NOT NULL CHECK (desired IN ('run', 'stop')),

    -- Written by the manager's planner alone. `placement` counts how often it was placed, `revision` is that of
    -- `meta` at the last change that its worker must hear of.
    node TEXT REFERENCES nodes (name),
    placement INTEGER NOT NULL CHECK (placement >= 0),
    revision INTEGER NOT NULL CHECK (revision >= 0),
    state TEXT NOT NULL CHECK (state IN ('pending', 'scheduled', 'running', 'completed', 'failed')),

    -- Written from what its worker saw alone. `attempt` counts containers from 1, 0 = none yet.
    attempt INTEGER NOT NULL CHECK (attempt >= 0),
    restarts INTEGER NOT NULL CHECK (restarts >= 0),
    container TEXT,
    host_ports TEXT CHECK (json_valid(host_ports)),
    exit_code INTEGER,
    health TEXT NOT NULL CHECK (health IN ('none', 'starting', 'healthy', 'unhealthy')),
    started_at TEXT CHECK (started_at GLOB '????-??-??T??:??:??.???Z'),
    finished_at TEXT CHECK (finished_at GLOB '????-??-??T??:??:??.???Z'),
    -- The worker's count of its changes to this task: a lower number is older.
    observed_seq INTEGER NOT NULL CHECK (observed_seq >= 0),

    -- Why it is as it is.
    message TEXT NOT NULL,
    created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z'),
    updated_at TEXT NOT NULL CHECK (updated_at GLOB '????-??-??T??:??:??.???Z'),

    -- Over all columns above. orc does not act on a row that does not match it. Who must change a row by hand,
    -- with orc stopped, sets it to NULL: not to be checked.
    checksum INTEGER,

    CHECK (name = spec ->> 'Name' AND image = spec ->> 'Image')
) STRICT;

-- A name is also the container's name, so only tasks that have ended share one.
CREATE UNIQUE INDEX tasks_live_name ON tasks (name) WHERE state IN ('pending', 'scheduled', 'running');

CREATE TABLE requests (
    -- The `ID` of a TaskEvent: the same one twice gets the same answer and changes nothing.
    id TEXT PRIMARY KEY CHECK (length(id) = 36),
    -- The task that it created or stopped.
    task TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    -- SHA-256 of what was asked.
    digest TEXT NOT NULL,
    -- The JSON that was answered.
    answer TEXT NOT NULL CHECK (json_valid(answer)),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??.???Z')
) STRICT, WITHOUT ROWID;

CREATE INDEX requests_task ON requests (task);

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

CREATE TABLE events (
    -- In the order in which the manager wrote them down.
    seq INTEGER PRIMARY KEY CHECK (seq > 0),
    -- Who saw it: 'manager', or a worker by its name; and that one's own number for it.
    source TEXT NOT NULL,
    source_seq INTEGER NOT NULL,
    -- By the clock of whoever saw it.
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??.???Z'),
    -- What it is about. History outlives tasks and nodes, so these refer to nothing.
    task TEXT,
    task_name TEXT NOT NULL,
    node TEXT,
    -- 0 = about none.
    attempt INTEGER NOT NULL CHECK (attempt >= 0),
    kind TEXT NOT NULL REFERENCES event_kinds (word),
    exit_code INTEGER,
    message TEXT NOT NULL
) STRICT;

CREATE INDEX events_task ON events (task) WHERE task IS NOT NULL;
CREATE INDEX events_at ON events (at);
-- A worker sends its events again until it hears that they were kept.
CREATE UNIQUE INDEX events_source ON events (source, source_seq) WHERE source <> 'manager';

-- What runs, and why not: SELECT * FROM task_overview WHERE state <> 'completed';
CREATE VIEW task_overview AS
SELECT
    -- The end of the identifier: its beginning is a time, which tasks of one minute share.
    substr(id, -12) AS id,
    name,
    state,
    desired,
    coalesce(node, '-') AS node,
    image,
    coalesce((
        SELECT group_concat(published, ', ') FROM (
            SELECT DISTINCT (binding.value ->> 'HostPort') || '->' || port.key AS published
            FROM json_each(CASE WHEN json_valid(host_ports) THEN host_ports END) AS port,
                json_each(port.value) AS binding
        )
    ), '') AS ports,
    restarts,
    CASE health WHEN 'none' THEN '-' ELSE health END AS health,
    CASE
        WHEN seconds < 120 THEN max(seconds, 0) || ' seconds'
        WHEN seconds < 7200 THEN (seconds / 60) || ' minutes'
        WHEN seconds < 172800 THEN (seconds / 3600) || ' hours'
        ELSE (seconds / 86400) || ' days'
    END AS age,
    message
FROM (SELECT *, unixepoch('now') - unixepoch(created_at) AS seconds FROM tasks)
ORDER BY seq;

-- What happened to a task: SELECT * FROM task_history WHERE name = 'web';
CREATE VIEW task_history AS
SELECT
    task_name AS name,
    at,
    kind AS what,
    attempt,
    exit_code,
    coalesce(node, '-') AS node,
    message,
    task
FROM events
WHERE task IS NOT NULL
ORDER BY seq;

-- The nodes, and how many live tasks each has.
CREATE VIEW node_overview AS
SELECT
    nodes.name,
    nodes.state,
    nodes.availability,
    count(tasks.seq) AS tasks,
    CASE WHEN json_valid(facts) THEN facts ->> 'Cores' END AS cores,
    CASE WHEN json_valid(facts) THEN round((facts ->> 'Memory') / 1073741824.0, 1) END AS memory_gib,
    CASE WHEN json_valid(facts) THEN facts ->> 'Engine' END AS engine,
    nodes.seen_at,
    nodes.message
FROM nodes
LEFT JOIN tasks ON tasks.node = nodes.name AND tasks.state IN ('scheduled', 'running')
GROUP BY nodes.name
ORDER BY nodes.name;
