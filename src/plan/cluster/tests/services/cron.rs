//! Services that run by the clock, in the same cluster.

use super::*;
use crate::model::cron::{CronLine, Missed, Overlap};
use crate::model::service::{Cron, Outcome, Run, Schedule};
use crate::plan::cluster::change::Pace;

const MINUTE: Duration = Duration::from_mins(1);

fn by_clock(image: &str, line: &str, zone: &str, overlap: Overlap, missed: Missed) -> ServiceSpec {
    let line = CronLine::parse(line, zone).unwrap();
    service(image, Mode::Cron(Cron { line, overlap, missed }))
}

fn every_minute(image: &str, overlap: Overlap) -> ServiceSpec {
    by_clock(image, "* * * * *", "", overlap, Missed::Once)
}

impl World {
    fn schedule(&self) -> &Schedule {
        &self.service().schedule
    }

    fn runs(&self) -> Vec<&Run> {
        self.schedule().runs.values().collect()
    }

    fn states(&self) -> Vec<&'static str> {
        self.runs().into_iter().map(Run::state).collect()
    }

    /// Decides and works for so many minutes.
    fn minutes(&mut self, count: u32) {
        self.seconds(60 * count);
    }

    /// A time passes in which there is no manager.
    fn off(&mut self, duration: Duration) {
        self.now = Now { moment: self.now.moment + duration, wall: self.now.wall.after(duration) };
        self.killed();
        for number in 1..=9 {
            if self.cluster.node(&worker(number)).is_some() {
                self.hear(number);
            }
        }
    }

    fn set_clock(&mut self, wall: &str) {
        self.now.wall = Timestamp::parse(wall).unwrap();
    }

    fn ask(&mut self, number: u8) -> Result<Applied, Refusal> {
        let (word, request) = (self.word(Expected::Anything), request(number));
        self.change(ServiceChange::Ask { word, request })
    }

    fn pace(&mut self, how: Pace) -> Result<Applied, Refusal> {
        let word = self.word(Expected::Anything);
        self.change(ServiceChange::Pace { word, how })
    }
}

#[test]
fn a_run_is_a_task_in_a_slot_of_its_own_and_the_service_is_settled_at_once() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &every_minute("once", Overlap::Forbid)).unwrap();
    world.second(&[]);
    assert_eq!(world.service().stable, Some(1));
    assert_eq!(world.runs(), Vec::<&Run>::new(), "nothing is due yet");
    world.minutes(2);
    assert_eq!(world.states(), ["succeeded", "succeeded"]);
    let names: Vec<&str> = world.cluster.tasks().map(|task| task.spec.name.as_str()).collect();
    assert_eq!(names, ["web.1.v1", "web.2.v1"]);
    let first = world.runs()[0];
    assert_eq!(first.due, Timestamp::parse("2026-11-22T07:27:00Z").unwrap());
    assert_eq!(first.task, world.cluster.tasks().next().map(|task| task.id));
    assert!(first.begun >= Some(first.due) && first.ended >= first.begun, "{first:?}");
}

#[test]
fn what_begins_and_when_the_next_one_is_are_one_change() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &every_minute("once", Overlap::Forbid)).unwrap();
    world.second(&[]);
    world.off(MINUTE);
    world.cluster.take_dirty();
    let changes = reconcile(&mut world.cluster, Patience::default(), world.now);
    let [change @ Change::Service(ServiceChange::Tick { .. })] = &changes[..] else { panic!("{changes:?}") };
    world.apply(change).unwrap();
    let dirty = world.cluster.take_dirty();
    assert_eq!((dirty.tasks.len(), dirty.runs.len(), dirty.services.len()), (1, 1, 1));
    assert_eq!(world.schedule().next, Timestamp::parse("2026-11-22T07:28:00Z"));
    assert_eq!(world.apply(change), Ok(Applied::Ignored), "decided on what is no more");
}

#[test]
fn a_manager_that_is_killed_between_any_two_changes_repeats_no_run_and_loses_none() {
    let mut most = 1;
    for overlap in [Overlap::Forbid, Overlap::Allow, Overlap::Replace] {
        for kill_at in 0.. {
            if kill_at > most {
                break;
            }
            let mut world = World::with_workers(1);
            world.set(Expected::Absent, &every_minute("once", overlap)).unwrap();
            let mut made = 0;
            for _ in 0..190 {
                for _ in 0..4 {
                    for change in reconcile(&mut world.cluster, Patience::default(), world.now) {
                        world.apply(&change).unwrap();
                        made += 1;
                        if made == kill_at {
                            world.killed();
                            world.hear(1);
                            break;
                        }
                    }
                }
                world.second(&[]);
            }
            most = made;
            let due: Vec<i64> = world.runs().iter().map(|run| run.due.millis() / 60_000).collect();
            assert_eq!(due.len(), 3, "{overlap:?}, killed after {kill_at}: {:?}", world.runs());
            assert!(due.windows(2).all(|pair| pair[1] == pair[0] + 1), "{due:?}");
            assert_eq!(world.cluster.tasks().count(), 3, "{overlap:?}, killed after {kill_at}");
            assert_eq!(world.states(), ["succeeded"; 3], "{overlap:?}, killed after {kill_at}");
        }
    }
    assert!(most > 10, "{most} changes");
}

#[test]
fn after_a_night_of_being_off_missed_runs_are_made_up_for_as_was_asked() {
    for (missed, states) in [
        (Missed::Skip, &["skipped"; 8][..]),
        (
            Missed::Once,
            &["skipped", "skipped", "skipped", "skipped", "skipped", "skipped", "skipped", "succeeded"],
        ),
        (Missed::All, &["succeeded"; 8]),
    ] {
        let mut world = World::with_workers(1);
        world.set(Expected::Absent, &by_clock("once", "@hourly", "", Overlap::Forbid, missed)).unwrap();
        world.second(&[]);
        world.off(Duration::from_hours(8));
        world.seconds(30);
        assert_eq!(world.states(), states, "{missed:?}");
        assert_eq!(world.schedule().next, Timestamp::parse("2026-11-22T16:00:00Z"), "{missed:?}");
    }
}

#[test]
fn missed_runs_that_are_too_many_to_be_made_up_for_are_told_though_none_is_left_out_by_itself() {
    let mut world = World::with_workers(1);
    let spec = by_clock("once", "* * * * *", "", Overlap::Forbid, Missed::All);
    world.set(Expected::Absent, &spec).unwrap();
    world.second(&[]);
    world.off(150 * MINUTE);
    let changes = reconcile(&mut world.cluster, Patience::default(), world.now);
    let [change @ Change::Service(ServiceChange::Tick { .. })] = &changes[..] else { panic!("{changes:?}") };
    let Ok(Applied::Changed(events)) = world.apply(change) else { panic!("{change:?} changes nothing") };
    let told: Vec<&str> = events.iter().map(|event| event.message.as_str()).collect();
    assert!(told.iter().any(|message| message.starts_with("web leaves out 50 runs at least")), "{told:?}");
}

#[test]
fn a_clock_that_is_set_to_and_fro_repeats_no_run() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &by_clock("once", "@hourly", "", Overlap::Forbid, Missed::Once)).unwrap();
    world.second(&[]);
    world.set_clock("2026-11-22T08:00:01Z");
    world.seconds(5);
    assert_eq!(world.states(), ["succeeded"]);
    world.set_clock("2026-11-22T07:30:00Z");
    world.seconds(5);
    world.set_clock("2026-11-22T08:10:00Z");
    world.seconds(5);
    assert_eq!(world.states(), ["succeeded"], "eight o'clock was an hour ago, whatever the clock shows");
    world.set_clock("2027-11-22T08:10:00Z");
    world.seconds(5);
    world.set_clock("2026-11-22T08:20:00Z");
    world.seconds(5);
    assert_eq!(
        world.schedule().next,
        Timestamp::parse("2026-11-22T09:00:00Z"),
        "the year ahead is forgotten"
    );
}

#[test]
fn a_day_whose_clock_changes_has_each_run_once() {
    for (before, after, due) in [
        ("2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", "2026-03-29T01:00:00Z"),
        ("2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", "2026-10-25T00:30:00Z"),
    ] {
        let mut world = World::with_workers(1);
        world.set_clock(before);
        let spec = by_clock("once", "30 2 * * *", "Europe/Berlin", Overlap::Forbid, Missed::All);
        world.set(Expected::Absent, &spec).unwrap();
        world.second(&[]);
        world.set_clock(after);
        world.seconds(5);
        let dues: Vec<Timestamp> = world.runs().iter().map(|run| run.due).collect();
        assert_eq!(dues, [Timestamp::parse(due).unwrap()]);
    }
}

#[test]
fn a_run_whose_predecessor_goes_on_does_as_was_asked() {
    for (overlap, states) in [
        (Overlap::Forbid, ["running", "skipped", "skipped"]),
        (Overlap::Allow, ["running", "running", "running"]),
        (Overlap::Replace, ["replaced", "replaced", "running"]),
    ] {
        let mut world = World::with_workers(1);
        world.set(Expected::Absent, &every_minute("good", overlap)).unwrap();
        world.seconds(190);
        assert_eq!(world.states(), states, "{overlap:?}");
        let live = states.iter().filter(|state| **state == "running").count();
        assert_eq!(world.live().len(), live, "{overlap:?}: {:?}", world.live());
    }
}

#[test]
fn a_run_that_replaces_begins_once_the_one_before_it_has_ended() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &every_minute("good", Overlap::Replace)).unwrap();
    world.seconds(50);
    world.ask(1).unwrap();
    let second = world.runs()[1];
    assert_eq!((second.task, second.state()), (None, "waiting"));
    assert_eq!(world.runs()[0].outcome, Some(Outcome::Replaced));
    // One that waits is itself replaced, and never begins.
    world.ask(2).unwrap();
    assert_eq!(world.states(), ["replaced", "replaced", "waiting"]);
    for _ in 0..5 {
        world.second(&[]);
        let there = world.cluster.tasks().filter(|task| !task.state.is_final()).count();
        assert!(there <= 1, "{there} at a time");
    }
    assert_eq!(world.states(), ["replaced", "replaced", "running"]);
    assert_eq!(world.cluster.tasks().count(), 2);
}

#[test]
fn a_run_on_a_node_that_is_lost_holds_up_none_that_replaces_it() {
    let mut world = World::with_workers(2);
    world.set(Expected::Absent, &every_minute("good", Overlap::Replace)).unwrap();
    world.seconds(50);
    let node = world.cluster.tasks().next().and_then(|task| task.node.clone()).unwrap();
    let lost: u8 = node.as_str().trim_start_matches("worker-").parse().unwrap();
    // It is asked to stop in the same moment in which its node goes silent.
    world.ask(1).unwrap();
    for _ in 0..20 {
        world.second(&[lost]);
    }
    assert_eq!(world.states(), ["replaced", "running"]);
    assert!(!world.runs()[0].is_over(), "nobody has said that it has ended");
}

#[test]
fn a_run_that_fails_is_told_with_its_reason_and_holds_nothing() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &every_minute("never", Overlap::Forbid)).unwrap();
    world.minutes(2);
    assert_eq!(world.states(), ["failed", "failed"]);
    assert!(!world.service().is_paused && world.service().stable == Some(1));
}

#[test]
fn what_comes_due_while_it_is_suspended_is_left_out_and_a_run_by_hand_is_not() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &every_minute("once", Overlap::Forbid)).unwrap();
    world.pace(Pace::Suspend).unwrap();
    assert_eq!(world.pace(Pace::Suspend), Ok(Applied::Ignored));
    world.minutes(2);
    assert_eq!(world.states(), ["skipped", "skipped"]);
    assert_eq!(world.runs()[0].why, "the job is suspended");
    world.ask(1).unwrap();
    world.seconds(3);
    assert_eq!(world.states(), ["skipped", "skipped", "succeeded"]);
    assert_eq!(world.runs()[2].by.as_deref(), Some("ada"));
    // Another version changes nothing of that.
    world.set(Expected::Anything, &every_minute("good", Overlap::Forbid)).unwrap();
    world.minutes(1);
    assert_eq!(world.states().last(), Some(&"skipped"));
    world.pace(Pace::Resume).unwrap();
    world.minutes(1);
    assert_eq!(world.states().last(), Some(&"running"));
}

#[test]
fn a_request_for_a_run_is_heard_once_and_refused_where_runs_may_not_overlap() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &every_minute("good", Overlap::Forbid)).unwrap();
    world.second(&[]);
    world.ask(1).unwrap();
    assert_eq!(world.ask(1), Ok(Applied::Ignored));
    assert_eq!(world.ask(2), Err(Refusal::RunGoesOn { service: web(), run: 1 }));
    assert_eq!(world.runs().len(), 1);
    world.set(Expected::Anything, &replicated("good", 1)).unwrap();
    assert_eq!(world.ask(3), Err(Refusal::NotByClock { service: web(), mode: "replicated" }));
}

#[test]
fn another_version_lets_go_on_what_runs_and_the_next_run_is_of_it() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &every_minute("good", Overlap::Allow)).unwrap();
    world.minutes(1);
    world.set(Expected::Anything, &every_minute("better", Overlap::Allow)).unwrap();
    world.minutes(1);
    assert_eq!(world.live(), ["web.1.v1", "web.2.v2"]);
    assert_eq!(world.runs().iter().map(|run| run.version).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(world.service().stable, Some(2));
}

#[test]
fn another_line_counts_from_now_on() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &by_clock("once", "0 8 * * *", "", Overlap::Forbid, Missed::All)).unwrap();
    world.second(&[]);
    assert_eq!(world.schedule().next, Timestamp::parse("2026-11-22T08:00:00Z"));
    world.set(Expected::Anything, &by_clock("once", "0 6 * * *", "", Overlap::Forbid, Missed::All)).unwrap();
    world.seconds(3);
    assert_eq!(world.schedule().next, Timestamp::parse("2026-11-23T06:00:00Z"));
    assert_eq!(world.runs(), Vec::<&Run>::new());
}

#[test]
fn a_service_that_runs_by_the_clock_no_more_has_nothing_left_of_it_and_back_again() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &every_minute("good", Overlap::Allow)).unwrap();
    world.minutes(2);
    assert_eq!(world.live(), ["web.1.v1", "web.2.v1"]);
    world.set(Expected::Anything, &replicated("good", 1)).unwrap();
    world.seconds(20);
    assert_eq!(world.live().len(), 1, "{:?}", world.live());
    assert_eq!(world.states(), ["stopped", "stopped"]);
    assert_eq!((world.service().stable, world.schedule().next), (Some(2), None));
    world.set(Expected::Anything, &every_minute("good", Overlap::Allow)).unwrap();
    world.minutes(1);
    assert_eq!(world.live(), ["web.3.v1"]);
}

#[test]
fn a_run_waits_for_one_that_gives_way_though_it_was_to_overlap_otherwise_then() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &every_minute("good", Overlap::Replace)).unwrap();
    world.seconds(50);
    world.ask(1).unwrap();
    world.set(Expected::Anything, &service("good", Mode::Replicated(1))).unwrap();
    world.second(&[1]);
    world.set(Expected::Anything, &every_minute("good", Overlap::Forbid)).unwrap();
    world.second(&[1]);
    assert!(!world.runs()[0].is_over(), "nobody has heard of its end");
    world.now.wall = world.now.wall.after(MINUTE);
    world.second(&[1]);
    assert_eq!(world.states(), ["replaced", "stopped", "skipped"]);
}

#[test]
fn only_the_containers_of_the_last_runs_are_kept_and_only_so_many_runs_are_remembered() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &every_minute("once", Overlap::Forbid)).unwrap();
    world.minutes(110);
    let kept: Vec<u32> = {
        let tasks = world.cluster.tasks().filter(|task| task.desired == Desired::Run);
        let number = |task: &Task| match task.membership.as_ref().map(|its| its.slot.clone()) {
            Some(crate::model::service::Slot::Number(number)) => number,
            other => panic!("{other:?}"),
        };
        tasks.map(number).collect()
    };
    let last = world.schedule().numbered;
    assert_eq!(kept, [last - 2, last - 1, last]);
    // The one that has ended last is counted when the next one begins.
    assert_eq!(world.runs().len(), Schedule::KEPT + 1);
    assert_eq!(world.cluster.tasks().count(), Schedule::KEPT + 1, "tasks go with their runs");
}

#[test]
fn a_service_that_is_removed_takes_its_runs_with_it() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &every_minute("good", Overlap::Allow)).unwrap();
    world.minutes(1);
    let remove = ServiceChange::Remove { word: world.word(Expected::Anything) };
    world.change(remove).unwrap();
    world.minutes(2);
    assert!(world.cluster.service_of(&web()).is_none());
    assert_eq!(world.live(), Vec::<&str>::new());
}
