-- The kinds of events are those of the manager.
INSERT INTO event_kinds (word, meaning) VALUES
    ('file-changed', 'A user made a version of a secret or a config, or removed one.');
