-- What tells a database that went back in time, and how old its history is without asking for the date.

-- How long managers have run on this file, milliseconds. The date decides about no history: clocks are set.
ALTER TABLE meta ADD COLUMN lived_ms INTEGER NOT NULL DEFAULT 0 CHECK (lived_ms >= 0);
-- That, when the task ended or anything of it changed after; NULL = it has not ended, or did before this was counted.
ALTER TABLE tasks ADD COLUMN ended_ms INTEGER CHECK (ended_ms >= 0);

-- Which events there were at which age of the file: old ones are pruned by it.
CREATE TABLE ages (
    lived_ms INTEGER PRIMARY KEY,
    last_event INTEGER NOT NULL
) STRICT;

-- The lives of this history: each start of a manager begins one, and so does `orc state accept`, which forgets those
-- before. A worker that knows one by another start, or more of one than there was when the next began, knows what this
-- file has lost.
CREATE TABLE epochs (
    epoch INTEGER PRIMARY KEY,
    -- Made up at that start.
    start TEXT NOT NULL CHECK (length(start) = 36),
    -- The cluster's revision when it began.
    revision INTEGER NOT NULL CHECK (revision >= 0)
) STRICT;
