//! Images that stand in for those of the Compose projects, under the same names, while a test runs.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::fs::File;

use bollard::models::ContainerConfig;
use bollard::query_parameters as query;

use super::docker::RawDocker;

/// On images that were made here, with the process that made them. All others are left alone.
const LABEL: &str = "orc-test.stand-in";

const SCRIPT: &str = include_str!("../../images/stand_in.sh");

/// What the script is called in an image.
const NAMES: &[&str] = &[
    "/entrypoint.sh",
    "/cron.sh",
    "/app/extra/healthcheck",
    "/bin/stand-in-answer",
    "/bin/answers",
    "/bin/bundle",
    "/bin/curl",
    "/bin/gotenberg",
    "/bin/healthcheck.sh",
    "/bin/node",
    "/bin/pg_isready",
    "/bin/redis-cli",
    "/bin/sidekiq",
];

/// Ports on which the server in an image listens, by the last word of its name, without tag; TCP.
const PORTS: &[(&str, &[u16])] = &[
    ("caddy", &[80, 443]),
    ("clickhouse-server", &[8123, 9000]),
    ("community-edition", &[8000]),
    ("examplevotingapp_vote", &[80]),
    ("examplevotingapp_worker", &[]),
    ("ghost", &[2368]),
    ("gitea", &[22, 3000]),
    ("gotenberg", &[3000]),
    ("grafana-oss", &[3000]),
    ("immich-machine-learning", &[3003]),
    ("immich-server", &[2283]),
    ("jellyfin", &[8096]),
    ("mariadb", &[3306]),
    ("mastodon", &[3000]),
    ("mastodon-streaming", &[4000]),
    ("mysql", &[3306]),
    ("n8n", &[5678]),
    ("nextcloud", &[80]),
    ("node-exporter", &[9100]),
    ("paperless-ngx", &[8000]),
    ("postgres", &[5432]),
    ("prometheus", &[9090]),
    ("redis", &[6379]),
    // Of authentik, the only one whose repository is named so.
    ("server", &[80, 9000, 9443]),
    ("synapse", &[8008, 8448]),
    ("tika", &[9998]),
    ("traefik", &[80, 8080]),
    ("umami", &[3000]),
    ("uptime-kuma", &[3001]),
    ("valkey", &[6379]),
    ("whoami", &[80]),
    ("wordpress", &[80]),
];

/// Ports on which what stands in for `image` answers.
pub(crate) fn ports(image: &str) -> &'static [u16] {
    let name = image.rsplit('/').next().unwrap();
    let name = name.split(':').next().unwrap();
    let found = PORTS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("nothing is known of {image}: add its ports to {}", file!())).1
}

/// Images that stand in for others. They are removed when this is dropped.
pub(crate) struct StandIns {
    docker: RawDocker,
    names: Vec<String>,
    /// One test at a time has such images on an engine, whichever process it is in.
    _turn: File,
}

impl StandIns {
    /// Makes one for each of these images that the engine does not have.
    pub(crate) async fn make(docker: &RawDocker, images: &BTreeSet<String>) -> Self {
        let turn = File::create(std::env::temp_dir().join("orc-test-stand-ins.lock")).unwrap();
        turn.lock().unwrap();
        let mut made = Self { docker: docker.clone(), names: Vec::new(), _turn: turn };
        let model = docker.create(&format!("orc-it-stand-in-{}", this_process()), HashMap::new()).await;
        docker.start(&model).await;
        docker.exec(&model, &["sh", "-c", &installation()]).await;
        for image in images {
            if made.may_be(image).await {
                made.commit(&model, image).await;
            }
        }
        docker.remove(&model).await;
        made
    }

    /// Whether there is no image of this name but one that another process has left here, which was killed. The same image
    /// has several names in Compose files, with and without `docker.io`.
    async fn may_be(&self, image: &str) -> bool {
        match self.docker.api.inspect_image(image).await {
            Ok(found) => {
                let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
                labels.get(LABEL).is_some_and(|process| *process != this_process())
            }
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => true,
            Err(error) => panic!("{image} cannot be looked at: {error}"),
        }
    }

    async fn commit(&mut self, model: &str, image: &str) {
        let (repo, tag) = match image.rsplit_once(':') {
            Some((repo, tag)) if !tag.contains('/') => (repo, tag),
            _ => (image, "latest"),
        };
        let ports = ports(image);
        let listed: Vec<String> = ports.iter().map(ToString::to_string).collect();
        let config = ContainerConfig {
            env: Some(vec!["PATH=/bin".to_owned(), format!("STAND_IN_PORTS={}", listed.join(" "))]),
            exposed_ports: Some(ports.iter().map(|port| format!("{port}/tcp")).collect()),
            entrypoint: Some(vec!["/entrypoint.sh".to_owned()]),
            working_dir: Some("/app".to_owned()),
            labels: Some(HashMap::from([(LABEL.to_owned(), this_process())])),
            ..ContainerConfig::default()
        };
        let options =
            query::CommitContainerOptionsBuilder::new().container(model).repo(repo).tag(tag).build();
        self.docker.api.commit_container(options, config).await.unwrap();
        self.names.push(format!("{repo}:{tag}"));
    }
}

impl Drop for StandIns {
    fn drop(&mut self) {
        let (host, names) = (self.docker.host.clone(), std::mem::take(&mut self.names));
        super::aside(async move {
            let docker = RawDocker::at(&host);
            for name in names {
                let forced = query::RemoveImageOptionsBuilder::new().force(true).build();
                // One that is gone is as good.
                let _ = docker.api.remove_image(&name, Some(forced), None).await;
            }
        });
    }
}

fn this_process() -> String {
    std::process::id().to_string()
}

/// A line for the shell that puts the script where images have their programs.
fn installation() -> String {
    let script = SCRIPT.replace('\'', r"'\''");
    let mut line = format!(
        "set -e; mkdir -p /app/extra; echo 'video:x:44:' >>/etc/group; printf %s '{script}' >/bin/stand-in; chmod 755 /bin/stand-in"
    );
    for name in NAMES {
        let _ = write!(line, "; ln -s /bin/stand-in {name}");
    }
    line
}
