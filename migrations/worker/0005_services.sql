-- The kinds of events are those of the manager.
INSERT INTO event_kinds (word, meaning) VALUES
    ('service-changed', 'A user changed what a service should be, or orc brought an earlier version of it back.'),
    ('service-removed', 'A user wants a service to be no more.'),
    ('rollout', 'A rollout came to its end, failed, is held or goes on.');
