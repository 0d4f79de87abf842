-- Images that `orc deploy` built and sent, for workers to fetch. What is in them is in archives, files of the directory
-- `images` beside this database.

CREATE TABLE images (
    -- As engines call it without `orc.local/`: shop-web:1a2b3c4d5e6f.
    name TEXT NOT NULL PRIMARY KEY,
    -- Of the archive.
    file TEXT NOT NULL,
    size INTEGER NOT NULL CHECK (size > 0),
    -- SHA-256 of the archive, in hexadecimal digits.
    digest TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at TEXT NOT NULL CHECK (made_at GLOB '????-??-??T??:??:??.???Z'),
    -- How long managers had run on this database when nothing was found to name it any more; NULL = something names it.
    unused_since_ms INTEGER
) STRICT;

INSERT INTO event_kinds (word, meaning) VALUES
    ('image-changed', 'A user sent an image that was built for a service, or the manager let go of one.');
