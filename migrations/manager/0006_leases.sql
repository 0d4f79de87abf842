-- How long a worker may go on with what may run only once is a setting. What an earlier life of the manager gave counts
-- until the worker has taken in an answer of a later one.

-- The longest lease that the worker may go by, milliseconds. Until now it was 6 s for all.
ALTER TABLE nodes ADD COLUMN lease_ms INTEGER NOT NULL DEFAULT 6000 CHECK (lease_ms >= 0);
