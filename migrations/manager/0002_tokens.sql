-- Who may speak with this manager: tokens that were given out, and workers that were let in. There are no secrets here,
-- only their digests.

CREATE TABLE tokens (
    -- Stands in the token itself.
    id TEXT PRIMARY KEY CHECK (length(id) = 8),
    -- What it lets its bearer do: let a worker join, see everything, run and stop tasks, everything.
    role TEXT NOT NULL CHECK (role IN ('join', 'read', 'operate', 'admin')),
    -- What it is for, in the words of whoever made it.
    name TEXT NOT NULL,
    -- SHA-256 of its secret.
    digest TEXT NOT NULL CHECK (length(digest) = 64),
    created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z'),
    -- NULL = never.
    expires_at TEXT CHECK (expires_at GLOB '????-??-??T??:??:??.???Z'),
    -- How often it may be used from now on; NULL = without end.
    uses_left INTEGER CHECK (uses_left >= 0),
    -- When it was made void; NULL = it was not.
    revoked_at TEXT CHECK (revoked_at GLOB '????-??-??T??:??:??.???Z')
) STRICT;

CREATE TABLE admissions (
    -- The node's name. It need not be in `nodes` yet, and may no longer be.
    node TEXT PRIMARY KEY,
    -- SHA-256 of its worker's public key: who has the key is this worker.
    key TEXT NOT NULL CHECK (length(key) = 64),
    admitted_at TEXT NOT NULL CHECK (admitted_at GLOB '????-??-??T??:??:??.???Z'),
    -- When it was put out again, and its certificate with it; NULL = it was not.
    removed_at TEXT CHECK (removed_at GLOB '????-??-??T??:??:??.???Z')
) STRICT;

-- What each token is good for: SELECT * FROM token_overview;
CREATE VIEW token_overview AS
SELECT
    id,
    role,
    name,
    CASE
        WHEN revoked_at IS NOT NULL THEN 'void since ' || revoked_at
        WHEN unixepoch(expires_at) <= unixepoch('now') THEN 'expired'
        WHEN uses_left = 0 THEN 'used up'
        ELSE 'good'
    END AS state,
    coalesce(expires_at, 'never') AS expires,
    coalesce(uses_left, 'any') AS uses_left,
    created_at
FROM tokens
ORDER BY created_at, id;
