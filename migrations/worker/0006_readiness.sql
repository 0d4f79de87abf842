-- Whether the running container gets traffic, and why not, in words; NULL = nothing runs.
ALTER TABLE records ADD COLUMN ready TEXT CHECK (ready IN ('yes', 'not-yet', 'no'));
ALTER TABLE records ADD COLUMN not_ready TEXT;
