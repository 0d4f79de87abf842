-- An operator can have tasks moved to where they stand better.

-- How many moves that may still take; 0 = none is wanted.
ALTER TABLE meta ADD COLUMN rebalance INTEGER NOT NULL DEFAULT 0 CHECK (rebalance >= 0);

INSERT INTO event_kinds (word, meaning) VALUES
    ('rebalance', 'An operator asked for tasks to be moved to where they stand better, or that is over.');
