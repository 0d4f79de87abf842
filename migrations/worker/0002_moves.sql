-- What a manager of several nodes brings about.

-- How often a worker was started on this file: what an earlier one of its processes said may reach the manager later.
ALTER TABLE meta ADD COLUMN starts INTEGER NOT NULL DEFAULT 0 CHECK (starts >= 0);

INSERT INTO event_kinds (word, meaning) VALUES
    ('moved', 'A task leaves its node for another.'),
    ('stays', 'A task stays at, or goes back to, the node that it was to leave.'),
    ('node-changed', 'An operator changed what a node may do, its labels, or what is reserved of it.'),
    ('node-removed', 'An operator took a node out of the cluster.'),
    ('fenced', 'A worker stopped a task that may run only once, for it had not heard of its manager for its lease.'),
    ('safe-mode', 'The manager''s database is older than what a worker knows.');
