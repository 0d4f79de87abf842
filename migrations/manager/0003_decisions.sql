-- Why tasks are where they are, or nowhere: what `orc why TASK` prints.

CREATE TABLE decisions (
    seq INTEGER PRIMARY KEY,
    task TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    -- The `placement` of `tasks` that it led to, or where it led to none, the number of those before.
    placement INTEGER NOT NULL CHECK (placement >= 0),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??.???Z'),
    -- NULL = nowhere for then.
    node TEXT,
    -- Summary, Fit (the nodes that fit, best first, with their scores), LeftOut (the others, by reason).
    reasoning TEXT NOT NULL CHECK (json_valid(reasoning))
) STRICT;

CREATE INDEX decisions_task ON decisions (task);

-- A task that waits for long is decided about often: its last ten decisions are enough.
CREATE TRIGGER decisions_are_few AFTER INSERT ON decisions
BEGIN
    DELETE FROM decisions WHERE task = new.task AND seq <= (
        SELECT seq FROM decisions WHERE task = new.task ORDER BY seq DESC LIMIT 1 OFFSET 10
    );
END;

-- SELECT * FROM why WHERE name = 'web';
CREATE VIEW why AS
SELECT
    tasks.name,
    decisions.at,
    coalesce(decisions.node, '-') AS node,
    decisions.reasoning ->> 'Summary' AS summary,
    (
        SELECT group_concat((fit.value ->> 'Node') || ': ' || (fit.value ->> 'Score'), '; ')
        FROM json_each(decisions.reasoning, '$.Fit') AS fit
    ) AS fit,
    (
        SELECT group_concat((out.value ->> 'Count') || ' ' || (out.value ->> 'Reason'), '; ')
        FROM json_each(decisions.reasoning, '$.LeftOut') AS out
    ) AS left_out,
    decisions.task
FROM decisions
JOIN tasks ON tasks.id = decisions.task
ORDER BY decisions.seq;
