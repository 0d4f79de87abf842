-- Tasks that move from one node to another, and what an operator says of nodes.

-- The placement before the present one, as long as that is not over: where, which, why the task leaves it (lost, drain,
-- rebalance), and what its node is to do meanwhile (keep it running, or release it first).
ALTER TABLE tasks ADD COLUMN former_node TEXT;
ALTER TABLE tasks ADD COLUMN former_placement INTEGER;
ALTER TABLE tasks ADD COLUMN former_why TEXT CHECK (former_why IN ('lost', 'drain', 'rebalance'));
ALTER TABLE tasks ADD COLUMN former_wanted TEXT CHECK (former_wanted IN ('keep', 'release'));
-- When it was moved off a lost node last: at most once a minute.
ALTER TABLE tasks ADD COLUMN moved_at TEXT CHECK (moved_at GLOB '????-??-??T??:??:??.???Z');

-- The operator's labels win over those in `facts`; what is reserved, tasks may not have: CPU, Memory, Disk.
ALTER TABLE nodes ADD COLUMN labels TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(labels));
ALTER TABLE nodes ADD COLUMN reserved TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(reserved));

INSERT INTO event_kinds (word, meaning) VALUES
    ('moved', 'A task leaves its node for another.'),
    ('stays', 'A task stays at, or goes back to, the node that it was to leave.'),
    ('node-changed', 'An operator changed what a node may do, its labels, or what is reserved of it.'),
    ('node-removed', 'An operator took a node out of the cluster.'),
    ('fenced', 'A worker stopped a task that may run only once, for it had not heard of its manager for its lease.'),
    ('safe-mode', 'The manager''s database is older than what a worker knows.');
