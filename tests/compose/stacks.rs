//! Projects that people run, as their documentation has them: each is read, and says what it should.

use std::path::{Path, PathBuf};
use std::time::Duration;

use orc::compose::resource::FileContent;
use orc::compose::service::dependency::Condition;
use orc::compose::service::deploy::{FailureAction, Mode, Order};
use orc::compose::service::health::HealthTest;
use orc::compose::service::isolation::Namespace;
use orc::compose::service::mount::MountSource;
use orc::compose::service::network::{HostAddress, NetworkMode};
use orc::compose::service::port::{PortMode, PortProtocol, PortRange};
use orc::compose::service::resources::WhichDevices;
use orc::compose::service::restart::RestartCondition;
use orc::compose::{Disk, Project, Reading, Request, Service, Support, load};

use crate::files::{said, whole};

fn directory(stack: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compose/stacks").join(stack)
}

fn reading(stack: &str, environment: &[(&str, &str)], env_files: &[&str]) -> Reading {
    let request = Request {
        directory: directory(stack),
        environment: environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        env_files: env_files.iter().map(PathBuf::from).collect(),
        ..Request::default()
    };
    load(&request, &Disk)
}

/// A stack in which nothing is wrong, and of which there is nothing to warn.
#[track_caller]
fn stack(name: &str, environment: &[(&str, &str)]) -> Project {
    let reading = reading(name, environment, &[]);
    assert_eq!(said(&reading.warnings), Vec::<String>::new());
    whole(reading)
}

fn names(project: &Project) -> Vec<&str> {
    project.services.keys().map(String::as_str).collect()
}

fn image(service: &Service) -> &str {
    &service.image.as_ref().expect("it has an image").value
}

/// Host and container port, where the host port is one.
fn ports(service: &Service) -> Vec<(u16, u16)> {
    let ports = service.ports.iter().map(|port| &port.value);
    ports
        .filter_map(|port| {
            Some((port.published.filter(|range| range.start == range.end)?.start, port.target))
        })
        .collect()
}

/// Keys that are not honoured.
fn unsupported(reading: &Reading) -> Vec<&str> {
    let left_out = reading.support.iter().filter(|finding| finding.support != Support::Honoured);
    left_out.map(|finding| finding.key.as_str()).collect()
}

#[test]
fn wordpress() {
    let project = stack("wordpress", &[]);
    assert_eq!(names(&project), ["db", "wordpress"]);
    assert_eq!(project.name, "wordpress");
    assert_eq!(project.volumes["db_data"].name, "wordpress_db_data");
    let wordpress = &project.services["wordpress"];
    assert_eq!(ports(wordpress), [(80, 80)]);
    assert_eq!(wordpress.depends_on["db"].condition, Condition::Started);
    let db = &project.services["db"];
    assert_eq!(db.environment["MYSQL_DATABASE"], "wordpress");
    assert_eq!(db.process.command.as_deref().map(<[String]>::len), Some(1));
    assert_eq!(db.expose, ["3306", "33060"]);
}

#[test]
fn gitea() {
    let reading = reading("gitea", &[], &[]);
    assert_eq!(unsupported(&reading), ["version"]);
    let project = whole(reading);
    let server = &project.services["server"];
    assert_eq!(ports(server), [(3000, 3000), (222, 22)]);
    assert_eq!(server.networking.networks.keys().collect::<Vec<_>>(), ["gitea"]);
    assert_eq!(server.container_name.as_ref().expect("it has one").value, "gitea");
    let read_only = server.mounts.iter().filter(|mount| mount.value.read_only).count();
    assert_eq!((server.mounts.len(), read_only), (3, 2));
    assert!(!project.networks.contains_key("default"), "nobody is in it");
    assert!(!project.networks["gitea"].external);
}

#[test]
fn grafana_and_prometheus() {
    let project = stack("monitoring", &[("GRAFANA_PASSWORD", "hunter2")]);
    assert_eq!(names(&project), ["grafana", "node-exporter", "prometheus"]);
    let prometheus = &project.services["prometheus"];
    assert_eq!(prometheus.ports[0].value.host_ip, Some("127.0.0.1".parse().expect("an address")));
    assert_eq!(prometheus.configs[0].value.target, "/etc/prometheus/prometheus.yml");
    assert!(
        prometheus
            .process
            .command
            .as_ref()
            .expect("it has one")
            .contains(&"--storage.tsdb.retention.time=15d".to_owned())
    );
    let FileContent::Text(config) = &project.configs["prometheus"].content else { panic!("it is a text") };
    assert!(config.contains("targets: [\"${HOST}:9100\"]"), "{config}");
    assert_eq!(project.secrets["grafana_admin"].content, FileContent::Text("hunter2".to_owned()));
    let exporter = &project.services["node-exporter"];
    assert_eq!(exporter.deploy.mode, Mode::Global);
    assert!(matches!(exporter.networking.mode, NetworkMode::Host(_)));
    assert_eq!(exporter.isolation.pid.as_ref().expect("it is said").value, Namespace::Host);
    assert!(project.services["grafana"].depends_on["prometheus"].restart);
    for service in project.services.values() {
        assert_eq!(service.logging.as_ref().expect("by the anchor").options["max-size"], "10m");
    }
}

#[test]
fn nextcloud() {
    let reading = reading("nextcloud", &[("DB_ROOT_PASSWORD", "root"), ("MYSQL_PASSWORD", "secret")], &[]);
    assert_eq!(
        said(&reading.warnings),
        ["compose.yaml:7:9: `Z` is ignored: orc relabels nothing for SELinux"]
    );
    let project = whole(reading);
    assert_eq!(names(&project), ["app", "cron", "db", "redis"]);
    assert_eq!(project.services["app"].depends_on["db"].condition, Condition::Healthy);
    assert_eq!(project.services["app"].environment["MYSQL_PASSWORD"], "secret");
    assert_eq!(project.services["cron"].process.entrypoint.as_deref(), Some(&["/cron.sh".to_owned()][..]));
    let health = project.services["db"].healthcheck.as_ref().expect("it has one");
    assert_eq!((health.start_period, health.retries), (Some(Duration::from_mins(1)), Some(3)));
}

#[test]
fn nextcloud_without_what_it_demands() {
    let reading = reading("nextcloud", &[], &[]);
    assert!(reading.project.is_none());
    assert_eq!(
        said(&reading.errors),
        [
            "compose.yaml:11:9: the variable `DB_ROOT_PASSWORD` is not set, or empty: say what the root password is; set it in the environment or in `.env`"
        ]
    );
}

#[test]
fn mastodon() {
    let project = stack("mastodon", &[]);
    assert_eq!(names(&project), ["db", "redis", "sidekiq", "streaming", "web"]);
    assert_eq!(project.inactive["es"], ["search"]);
    let web = &project.services["web"];
    assert_eq!(web.environment["SECRET_KEY_BASE"], "not$so$secret");
    assert_eq!(web.environment["LOCAL_DOMAIN"], "example.com");
    assert_eq!(web.process.command.as_deref().map(<[String]>::len), Some(5));
    assert_eq!(web.networking.networks.len(), 2);
    assert!(project.networks["internal_network"].internal);
    assert_eq!(project.services["db"].isolation.shm_size, Some(256 << 20));
    let HealthTest::Shell(line) = &project.services["sidekiq"].healthcheck.as_ref().expect("it has one").test
    else {
        panic!("it is a line for the shell")
    };
    assert!(line.contains("[s]idekiq 6"), "{line}");
}

#[test]
fn plausible() {
    let reading = reading("plausible", &[("BASE_URL", "https://example.com")], &[]);
    assert_eq!(reading.warnings.len(), 1, "{:?}", reading.warnings);
    assert!(
        said(&reading.warnings)[0]
            .starts_with("compose.yaml:47:9: the variable `SECRET_KEY_BASE` is not set")
    );
    let project = whole(reading);
    let plausible = &project.services["plausible"];
    assert_eq!(plausible.isolation.ulimits["nofile"].hard, 65535);
    assert_eq!(project.services["plausible_events_db"].isolation.ulimits["nofile"].soft, 262_144);
    assert_eq!(plausible.environment["HTTP_PORT"], "8000");
    assert!(!plausible.environment.contains_key("TOTP_VAULT_KEY"), "what is not set is left out");
    assert_eq!(plausible.process.command.as_deref().map(<[String]>::len), Some(3));
    assert_eq!(plausible.depends_on.len(), 2);
}

#[test]
fn n8n() {
    let reading = reading("n8n", &[("POSTGRES_PASSWORD", "p"), ("ENCRYPTION_KEY", "k")], &[]);
    assert_eq!(unsupported(&reading), ["services.n8n-worker.links", "services.n8n.links"]);
    let project = whole(reading);
    assert_eq!(names(&project), ["n8n", "n8n-worker", "postgres", "redis"]);
    let worker = &project.services["n8n-worker"];
    assert_eq!(image(worker), "docker.n8n.io/n8nio/n8n");
    assert_eq!(worker.deploy.mode, Mode::Replicated(2));
    assert_eq!(
        worker.depends_on.keys().collect::<Vec<_>>(),
        ["n8n"],
        "a key of its own wins over the merged one"
    );
    assert_eq!(project.services["n8n"].depends_on["redis"].condition, Condition::Healthy);
    assert!(worker.ports.is_empty());
    assert_eq!(worker.environment["N8N_ENCRYPTION_KEY"], "k");
}

#[test]
fn vaultwarden() {
    let project = stack("vaultwarden", &[]);
    let caddy = &project.services["caddy"];
    assert_eq!(ports(caddy), [(80, 80), (443, 443), (443, 443)]);
    assert_eq!(caddy.ports[2].value.protocol, PortProtocol::Udp);
    let MountSource::Bind { path, .. } = &caddy.mounts[0].value.source else { panic!("it is a bind mount") };
    assert_eq!(*path, directory("vaultwarden").join("Caddyfile"));
    assert_eq!(project.services["vaultwarden"].environment["SIGNUPS_ALLOWED"], "false");
}

#[test]
fn immich() {
    let reading = reading("immich", &[], &["stack.env"]);
    assert_eq!(said(&reading.warnings), Vec::<String>::new());
    let project = whole(reading);
    let server = &project.services["immich-server"];
    assert_eq!(image(server), "ghcr.io/immich-app/immich-server:release");
    let MountSource::Bind { path, .. } = &server.mounts[0].value.source else { panic!("it is a bind mount") };
    assert_eq!(*path, directory("immich").join("library"));
    assert_eq!(server.isolation.devices[0].value.source, "/dev/dri");
    assert_eq!(server.isolation.devices[0].at.to_string(), "hwaccel.transcoding.yaml:5:9");
    assert_eq!(server.process.group_add, ["video"]);
    assert_eq!(server.environment["DB_USERNAME"], "postgres");
    let learning = &project.services["immich-machine-learning"];
    assert_eq!(learning.healthcheck.as_ref().expect("it has one").test, HealthTest::Disabled);
    assert_eq!(learning.resources.reservations.devices[0].value.which, WhichDevices::Count(1));
    assert_eq!(project.services["database"].environment["POSTGRES_DB"], "immich");
}

#[test]
fn matrix_synapse() {
    let project = stack("synapse", &[]);
    let synapse = &project.services["synapse"];
    assert_eq!(ports(synapse), [(8448, 8448)]);
    assert_eq!(synapse.labels["traefik.http.routers.https-synapse.rule"], "Host(`my.matrix.Host`)");
    assert_eq!(
        project.services["db"].environment["POSTGRES_INITDB_ARGS"],
        "--encoding=UTF-8 --lc-collate=C --lc-ctype=C"
    );
}

#[test]
fn jellyfin() {
    let project = stack("jellyfin", &[]);
    let jellyfin = &project.services["jellyfin"];
    assert!(
        matches!(&jellyfin.networking.mode, NetworkMode::Host(at) if at.to_string() == "compose.yaml:6:19")
    );
    assert_eq!(jellyfin.process.user.as_deref(), Some("1000:1000"));
    assert_eq!(jellyfin.networking.extra_hosts["host.docker.internal"], [HostAddress::HostGateway]);
    assert!(jellyfin.mounts[2].value.read_only);
    assert_eq!(jellyfin.place_of("devices").to_string(), "compose.yaml:18:5");
    assert!(project.networks.is_empty());
}

#[test]
fn traefik() {
    let project = stack("traefik", &[]);
    let traefik = &project.services["traefik"];
    assert_eq!(traefik.ports[0].value.mode, PortMode::Host);
    assert_eq!(traefik.ports[1].value.mode, PortMode::Ingress);
    assert_eq!(traefik.ports[1].value.published, Some(PortRange { start: 8080, end: 8080 }));
    assert_eq!(traefik.deploy.placement.constraints[0].value, "node.role==manager");
    assert_eq!(project.services["whoami"].deploy.mode, Mode::Replicated(3));
    assert_eq!(project.services["whoami"].labels["traefik.enable"], "true");
}

#[test]
fn ghost() {
    let project = stack("ghost", &[]);
    assert_eq!(ports(&project.services["ghost"]), [(8080, 2368)]);
    assert_eq!(project.services["ghost"].environment["url"], "http://localhost:8080");
    assert_eq!(project.volumes.keys().collect::<Vec<_>>(), ["db", "ghost"]);
}

#[test]
fn paperless() {
    let project = stack("paperless", &[]);
    let web = &project.services["webserver"];
    assert_eq!(web.depends_on.len(), 4);
    assert_eq!(web.environment["PAPERLESS_TIKA_ENABLED"], "1");
    assert_eq!(web.environment.len(), 5, "a file that is not required may be missing");
    assert_eq!(
        project.services["gotenberg"].process.command.as_ref().expect("it has one")[2],
        "--chromium-allow-list=file:///tmp/.*"
    );
    assert_eq!(project.services.len(), 5);
}

#[test]
fn uptime_kuma() {
    let project = stack("uptime-kuma", &[]);
    let kuma = &project.services["uptime-kuma"];
    assert_eq!(kuma.resources.limits.memory, Some(512 << 20));
    assert_eq!(kuma.resources.limits.cpus, Some(0.5));
    assert_eq!(kuma.process.stop_grace_period, Some(Duration::from_secs(90)));
    assert_eq!(kuma.restart.condition, RestartCondition::UnlessStopped);
    let health = kuma.healthcheck.as_ref().expect("it has one");
    assert_eq!(health.start_interval, Some(Duration::from_secs(5)));
}

#[test]
fn umami() {
    let project = stack("umami", &[]);
    let health = project.services["db"].healthcheck.as_ref().expect("it has one");
    assert_eq!(health.test, HealthTest::Shell("pg_isready -U ${POSTGRES_USER} -d ${POSTGRES_DB}".to_owned()));
    assert_eq!(project.services["umami"].process.init, Some(true));
    assert_eq!(project.services["umami"].depends_on["db"].condition, Condition::Healthy);
}

#[test]
fn authentik() {
    let project =
        stack("authentik", &[("PG_PASS", "p"), ("AUTHENTIK_SECRET_KEY", "s"), ("COMPOSE_PORT_HTTP", "80")]);
    let (server, worker) = (&project.services["server"], &project.services["worker"]);
    assert_eq!(image(worker), "ghcr.io/goauthentik/server:2025.4.1");
    assert_eq!(ports(server), [(80, 9000), (9443, 9443)]);
    assert!(worker.ports.is_empty());
    assert_eq!(server.environment.len() + 1, worker.environment.len());
    assert_eq!(worker.process.user.as_deref(), Some("root"));
    assert_eq!(project.services["redis"].process.command.as_deref().map(<[String]>::len), Some(5));
    assert_eq!(project.volumes["database"].driver.as_deref(), Some("local"));
}

#[test]
fn the_voting_application() {
    let reading = reading("voting", &[], &[]);
    assert_eq!(unsupported(&reading), ["version", "services.vote.deploy.endpoint_mode"]);
    let project = whole(reading);
    let vote = &project.services["vote"];
    assert_eq!(vote.deploy.mode, Mode::Replicated(4));
    let update = vote.deploy.update.as_ref().expect("it is said");
    assert_eq!(
        (update.failure_action, update.order),
        (Some(FailureAction::Rollback), Some(Order::StartFirst))
    );
    assert_eq!(vote.deploy.rollback.as_ref().expect("it is said").parallelism, Some(0));
    assert_eq!(vote.restart.condition, RestartCondition::OnFailure);
    assert_eq!((vote.restart.max_attempts, vote.restart.window), (Some(3), Some(Duration::from_mins(2))));
    assert_eq!(vote.resources.limits.pids, Some(100));
    assert_eq!(vote.deploy.placement.max_replicas_per_node, Some(2));
    let db = &project.services["db"];
    assert_eq!(db.secrets[0].value.mode, Some(0o400));
    assert_eq!(project.secrets["db_password"].content, FileContent::External);
    assert_eq!(project.secrets["db_password"].name, "db_password");
    assert_eq!(project.services["worker"].networking.networks["backend"].aliases, ["tally"]);
}
