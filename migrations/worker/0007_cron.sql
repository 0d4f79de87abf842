-- The kinds of events are those of the manager.
INSERT INTO event_kinds (word, meaning) VALUES
    ('run', 'A run of a service by the clock was left out or replaced, or is over; or its runs are suspended or go on.');
