//! The projects under `stacks`, and what each wants to be told before it is read.

/// Variables that a project wants set.
pub(crate) type Variables = &'static [(&'static str, &'static str)];

/// Each project, the variables that it wants, and its files of variables.
pub(crate) const PROJECTS: &[(&str, Variables, &[&str])] = &[
    ("authentik", &[("PG_PASS", "p"), ("AUTHENTIK_SECRET_KEY", "s")], &[]),
    ("ghost", &[], &[]),
    ("gitea", &[], &[]),
    ("immich", &[], &["stack.env"]),
    ("jellyfin", &[], &[]),
    ("mastodon", &[], &[]),
    ("monitoring", &[("GRAFANA_PASSWORD", "hunter2")], &[]),
    ("n8n", &[("POSTGRES_PASSWORD", "p"), ("ENCRYPTION_KEY", "k")], &[]),
    ("nextcloud", &[("DB_ROOT_PASSWORD", "root"), ("MYSQL_PASSWORD", "secret")], &[]),
    ("paperless", &[], &[]),
    ("plausible", &[("BASE_URL", "https://example.com"), ("SECRET_KEY_BASE", "k")], &[]),
    ("synapse", &[], &[]),
    ("traefik", &[], &[]),
    ("umami", &[], &[]),
    ("uptime-kuma", &[], &[]),
    ("vaultwarden", &[], &[]),
    ("voting", &[], &[]),
    ("wordpress", &[], &[]),
];
