//! Services and their versions, on real files.

use super::*;
use crate::model::cron::{CronLine, Missed, Overlap};
use crate::model::service::{
    Cron, Mode, NewVersion, Outcome, Run, Schedule, ServicePort, ServiceSpec, Stage, UpdatePolicy, Version,
};
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
        schedule: Schedule {
            next: Some(samples::time(9)),
            is_suspended: true,
            numbered: 3,
            runs: [ended_run(), Run::due(3, 1, samples::time(8))].map(|run| (run.number, run)).into(),
        },
        message: "held".to_owned(),
        ..service
    }
}

fn ended_run() -> Run {
    Run {
        by: Some("ada".to_owned()),
        request: Some(RequestId::MAX),
        task: Some(TaskId::MAX),
        begun: Some(samples::time(6)),
        ended: Some(samples::time(7)),
        outcome: Some(Outcome::Failed),
        exit_code: Some(3),
        why: "exited with 3".to_owned(),
        ..Run::due(2, 1, samples::time(5))
    }
}

fn whole(service: &Service) -> Batch {
    let versions = service.versions.values().map(|version| (service.name.clone(), version.clone()));
    let runs = service.schedule.runs.values().map(|run| (service.name.clone(), run.clone()));
    Batch {
        services: vec![service.clone()],
        versions: versions.collect(),
        runs: runs.collect(),
        ..Batch::default()
    }
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
    later.schedule.runs.remove(&2);
    (later.schedule.next, later.schedule.is_suspended) = (None, false);
    let run = later.schedule.runs.get_mut(&3).unwrap();
    (run.outcome, run.ended) = (Some(Outcome::Skipped), Some(samples::time(9)));
    let run = run.clone();
    let batch = Batch {
        services: vec![later.clone()],
        pruned: vec![(later.name.clone(), 2)],
        runs: vec![(later.name.clone(), run)],
        pruned_runs: vec![(later.name.clone(), 2)],
        ..Batch::default()
    };
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
        "UPDATE service_runs SET why = '' WHERE run = 2",
        "UPDATE service_runs SET request = 'x', checksum = NULL WHERE run = 3",
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

#[tokio::test]
async fn a_service_of_before_there_were_runs_is_read_as_one_without_any() {
    let mut fixture = Fixture::new().await;
    let written = Service { schedule: Schedule::default(), ..service(1) };
    fixture.store.commit(&whole(&written)).await.unwrap();
    let sql =
        "SELECT count(*) FROM services WHERE next_run IS NULL AND suspended IS NULL AND last_run IS NULL";
    assert_eq!(number(&mut fixture.store, sql).await, 1, "what its checksum was made without");
    assert_eq!(fixture.store.load().await.unwrap().services, [written]);
}

#[tokio::test]
async fn people_see_what_runs_by_the_clock_and_when_next() {
    let mut fixture = Fixture::new().await;
    let line = CronLine::parse("0 3 * * *", "Europe/Berlin").unwrap();
    let mut version = version(1, "a:1");
    version.spec.mode = Mode::Cron(Cron { line, overlap: Overlap::Forbid, missed: Missed::Once });
    let schedule = Schedule { is_suspended: false, ..service(1).schedule };
    let by_clock = Service { schedule, ..Service::new("web".parse().unwrap(), version) };
    fixture.store.commit(&whole(&by_clock)).await.unwrap();
    let sql = "SELECT name || ' ' || schedule || ' ' || time_zone || ' ' || next_run || ' ' || running || ' ' || last_run \
        || ' ' || last_outcome FROM cron_overview";
    let seen = text(&mut fixture.store, sql).await;
    assert_eq!(seen, format!("web 0 3 * * * Europe/Berlin {} 1 3 waiting", samples::time(9)));
}
