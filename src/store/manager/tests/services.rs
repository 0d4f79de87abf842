//! Services and their versions, on real files.

use super::*;
use crate::model::service::{Mode, NewVersion, ServicePort, ServiceSpec, Stage, UpdatePolicy, Version};
use crate::model::state::Desired;

fn version(number: u64, image: &str) -> Version {
    let task = serde_json::json!({ "Name": "web", "Image": image });
    let port = |text: &str| text.parse().unwrap();
    let spec = ServiceSpec {
        mode: Mode::Replicated(3),
        task: Arc::new(serde_json::from_value(task).unwrap()),
        ports: vec![ServicePort {
            published: port("8080/tcp"),
            target: port("80/tcp"),
            proxy_protocol: true,
        }],
        update: UpdatePolicy { canary: 1, ..UpdatePolicy::default() },
        rollback: UpdatePolicy::default(),
        labels: BTreeMap::from([("team".to_owned(), "blue".to_owned())]),
    };
    let change = NewVersion {
        spec,
        restores: (number > 2).then_some(1),
        by: "ada".to_owned(),
        why: "changed".to_owned(),
        at: samples::time(number.try_into().unwrap()),
    };
    Version::new(number, number, change)
}

fn service(versions: u64) -> Service {
    let mut service = Service::new("web".parse().unwrap(), version(1, "a:1"));
    for number in 2..=versions {
        service.versions.insert(number, Arc::new(version(number, &format!("a:{number}"))));
    }
    Service {
        desired: Desired::Run,
        stable: Some(1),
        stage: Stage::Canary,
        is_paused: true,
        failures: 2,
        started: 7,
        message: "held".to_owned(),
        ..service
    }
}

fn whole(service: &Service) -> Batch {
    let versions = service.versions.values().map(|version| (service.name.clone(), version.clone()));
    Batch { services: vec![service.clone()], versions: versions.collect(), ..Batch::default() }
}

#[tokio::test]
async fn a_service_comes_back_as_it_was_with_all_its_versions() {
    let mut fixture = Fixture::new().await;
    let written = service(5);
    fixture.store.commit(&whole(&written)).await.unwrap();
    let mut fixture = fixture.reopen().await;
    assert_eq!(fixture.store.load().await.unwrap().services, std::slice::from_ref(&written));

    let mut later = Service { stable: Some(5), is_paused: false, ..written };
    later.versions.remove(&2);
    let batch =
        Batch { services: vec![later.clone()], pruned: vec![(later.name.clone(), 2)], ..Batch::default() };
    fixture.store.commit(&batch).await.unwrap();
    let mut fixture = fixture.reopen().await;
    assert_eq!(fixture.store.load().await.unwrap().services, std::slice::from_ref(&later));

    // One that is made anew under the name of one that went has nothing of it.
    let anew = Service::new(later.name.clone(), version(1, "b:1"));
    let batch = Batch { dropped: vec![later.name.clone()], ..whole(&anew) };
    fixture.store.commit(&batch).await.unwrap();
    let mut fixture = fixture.reopen().await;
    assert_eq!(fixture.store.load().await.unwrap().services, [anew]);
}

#[tokio::test]
async fn a_service_of_which_anything_is_damaged_is_left_alone_whole() {
    for damage in [
        "UPDATE services SET paused = 0",
        "UPDATE services SET stage = 'all', checksum = NULL",
        "UPDATE service_versions SET why = 'no reason' WHERE version = 2",
        "UPDATE service_versions SET spec = '{' WHERE version = 3",
        "DELETE FROM service_versions WHERE version = 1",
        "DELETE FROM service_versions",
    ] {
        let mut fixture = Fixture::new().await;
        fixture.store.commit(&whole(&service(3))).await.unwrap();
        let mut stranger = fixture.stranger().await;
        sqlx::query(damage).execute(&mut stranger).await.unwrap();
        drop(stranger);
        let mut fixture = fixture.reopen().await;
        let state = fixture.store.load().await.unwrap();
        assert!(state.services.is_empty(), "{damage}");
        let names: Vec<&str> = state.unreadable_services.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["web"], "{damage}");
    }
}
