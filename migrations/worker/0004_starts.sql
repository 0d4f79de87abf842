-- Which start of the manager `epoch` was: two copies of its database count the same epochs.
ALTER TABLE meta ADD COLUMN start TEXT CHECK (length(start) = 36);
