-- The kinds of events are those of the manager.
INSERT INTO event_kinds (word, meaning) VALUES
    ('rebalance', 'An operator asked for tasks to be moved to where they stand better, or that is over.');
