//! Pulls through a real engine from real registries.

use bollard::auth::DockerCredentials;
use bollard::query_parameters as query;
use futures_util::TryStreamExt;
use orc::engine::docker::{Docker, DockerEnv};
use orc::engine::{Deadlines, Engine};
use orc::model::container::Failure;
use tokio::sync::watch;

use crate::support::cases::{new_identity, new_name, spec_of};
use crate::support::real_rig::{RealRig, docker_host};
use crate::support::registries::Registries;
use crate::support::rig::{Rig, assert_fails};

/// The engine for tests, with the logins of `env`.
fn engine(env: DockerEnv) -> Docker {
    Docker::connect(&DockerEnv { host: Some(docker_host()), ..env }, Deadlines::default()).unwrap()
}

async fn pull(engine: &Docker, image: &str) -> (Result<(), Failure>, String) {
    let (progress, told) = watch::channel(String::new());
    let result = engine.pull(image, progress).await;
    let last = told.borrow().clone();
    (result, last)
}

/// Puts an image into a registry, named after the test's cluster so that it is cleaned up, and lets the engine
/// forget it.
async fn publish(rig: &RealRig, registry: &str, login: Option<DockerCredentials>) -> String {
    let repository = format!("{registry}/orc-test/{}", rig.owner().cluster);
    let options = query::TagImageOptionsBuilder::new().repo(&repository).tag("1").build();
    rig.raw.tag_image("orc-test/busybox:latest", Some(options)).await.unwrap();
    let options = query::PushImageOptionsBuilder::new().tag("1").build();
    rig.raw.push_image(&repository, Some(options), login).try_collect::<Vec<_>>().await.unwrap();
    let image = format!("{repository}:1");
    rig.raw.remove_image(&image, None::<query::RemoveImageOptions>, None).await.unwrap();
    repository
}

#[tokio::test]
async fn an_image_is_pulled_and_one_that_is_not_there_is_missing() {
    RealRig::with(|rig| async move {
        let registries = Registries::start();
        let repository = publish(&rig, &registries.open, None).await;
        let (image, spec) = (format!("{repository}:1"), spec_of(&format!("{repository}:1")));
        let create = async || rig.engine().create(rig.owner(), &new_name(), &new_identity(), &spec).await;
        assert_fails(create().await, "missing");
        let (result, progress) = pull(rig.engine(), &image).await;
        assert_eq!(result, Ok(()));
        assert!(progress.contains("MB") || progress.contains("Downloaded"), "{progress}");
        create().await.unwrap();
        assert_fails(pull(rig.engine(), &format!("{repository}:2")).await.0, "missing");
        assert_fails(pull(rig.engine(), &repository).await.0, "missing");
        assert_fails(pull(rig.engine(), "Not An Image").await.0, "refused");
    })
    .await;
}

#[tokio::test]
async fn a_private_image_is_pulled_with_the_hosts_login_only() {
    RealRig::with(|rig| async move {
        let registries = Registries::start();
        let login = DockerCredentials {
            username: Some(registries.user.clone()),
            password: Some(registries.password.clone()),
            ..DockerCredentials::default()
        };
        let image = format!("{}:1", publish(&rig, &registries.login, Some(login)).await);
        let (denied, _) = pull(&engine(DockerEnv::default()), &image).await;
        assert_fails(denied, "refused");
        let config_dir = Some(registries.config_dir());
        let (granted, _) = pull(&engine(DockerEnv { config_dir, ..DockerEnv::default() }), &image).await;
        assert_eq!(granted, Ok(()));
    })
    .await;
}
