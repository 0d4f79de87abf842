-- Secrets and configs: files that orc gives to containers. Who reads this database reads configs, and of secrets only that
-- they are there: their contents are encrypted with the key in the file `secrets.key` beside it.

CREATE TABLE files (
    kind TEXT NOT NULL CHECK (kind IN ('secret', 'config')),
    name TEXT NOT NULL,
    -- The highest number that a version ever had. One without versions was removed: its numbers are not given again.
    last_version INTEGER NOT NULL CHECK (last_version > 0),
    labels TEXT NOT NULL CHECK (json_valid(labels)),
    created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z'),
    updated_at TEXT NOT NULL CHECK (updated_at GLOB '????-??-??T??:??:??.???Z'),
    PRIMARY KEY (kind, name)
) STRICT;

CREATE TABLE file_versions (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    -- Bytes of what is in it.
    size INTEGER NOT NULL CHECK (size >= 0),
    -- Of a config its SHA-256; of a secret HMAC-SHA256 with a key that is made of the one in the file.
    digest TEXT NOT NULL,
    -- Which key a secret is encrypted with; of a config NULL.
    sealed_by TEXT CHECK ((sealed_by IS NULL) = (kind = 'config')),
    -- Of a config what is in it; of a secret a nonce of 12 bytes, that encrypted with AES-256-GCM, and a tag of 16.
    contents BLOB NOT NULL,
    made_by TEXT NOT NULL,
    made_at TEXT NOT NULL CHECK (made_at GLOB '????-??-??T??:??:??.???Z'),
    PRIMARY KEY (kind, name, version),
    FOREIGN KEY (kind, name) REFERENCES files (kind, name) ON DELETE CASCADE
) STRICT;

INSERT INTO event_kinds (word, meaning) VALUES
    ('file-changed', 'A user made a version of a secret or a config, or removed one.');

-- The secrets and configs that there are, and how large the newest version of each is.
CREATE VIEW file_overview AS
SELECT
    newest.kind,
    newest.name,
    newest.version,
    newest.size,
    newest.made_by,
    newest.made_at
FROM file_versions AS newest
WHERE newest.version = (
    SELECT max(version) FROM file_versions AS other WHERE other.kind = newest.kind AND other.name = newest.name
)
ORDER BY newest.kind, newest.name;
