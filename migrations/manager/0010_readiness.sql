-- Whether a running task gets traffic, apart from whether it lives.

-- What its worker saw: NULL = nothing runs, or the worker does not say; beside it why it is not ready, in words.
ALTER TABLE tasks ADD COLUMN ready TEXT CHECK (ready IN ('yes', 'not-yet', 'no'));
ALTER TABLE tasks ADD COLUMN not_ready TEXT;
-- Since when it has been ready without a break: in what `meta.lived_ms` counts, which decides, and for people's eyes.
ALTER TABLE tasks ADD COLUMN ready_ms INTEGER CHECK (ready_ms >= 0);
ALTER TABLE tasks ADD COLUMN ready_at TEXT CHECK (ready_at GLOB '????-??-??T??:??:??.???Z');
