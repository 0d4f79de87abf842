-- Old events are found by their numbers, which follow their times well enough: one index less to keep.
DROP INDEX events_at;
