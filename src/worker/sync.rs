//! The worker's side of the one conversation with its manager: it dials, tells, and waits for news.
//!
//! Mostly one question hangs at the manager. What happens meanwhile goes out with a second one, which makes the
//! manager answer the first: nothing is ever cut off.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hyper::StatusCode;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::machine::{self, Gauge};
use super::ports::Ports;
use super::volumes::ToldVolumes;
use super::{Bundle, Receipt, Said, Worker, output};
use crate::client::{Client, ClientError};
use crate::clock::Clock;
use crate::engine::Engine;
use crate::model::id::{InstanceId, NodeName};
use crate::model::node::NodeLoad;
use crate::model::skew;
use crate::model::time::Moment;
use crate::plan::host::tell::Told;
use crate::wire::stats::Stats;
use crate::wire::sync::{SyncAnswer, SyncRequest};

/// A question hangs so long, or less where a lease is short: the heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// There are so many heartbeats to a lease, or more.
const BEATS: u32 = 6;

/// A question that hangs for so many heartbeats may be lost, with its connection. So there are four chances to a lease:
/// where a quarter of all packets is lost, two are too few.
const OVERDUE: f64 = 1.5;

/// Questions that hang at a time when some are overdue.
const HANGING: usize = 4;

/// What is read of the machine goes out no more often than this while a question hangs: it is most of what a question
/// has to say, and would keep the next from getting through where little does.
const SELDOM: Duration = Duration::from_secs(5);

/// An answer that takes so much longer than that is lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// Outputs that are sent at a time.
const OUTPUTS: usize = 64;

const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(2);

/// Whoever is refused because another may live asks again so soon: mostly it follows one that has just ended.
const LONGEST_KNOCK: Duration = Duration::from_millis(500);

/// With what a manager refuses whoever has another's identity.
const CONFLICT: u16 = StatusCode::CONFLICT.as_u16();

/// The conversation. Consumed by [`Sync::run`].
pub struct Sync<E> {
    /// The worker's name.
    pub node: NodeName,
    /// The worker.
    pub worker: Worker,
    /// Its engine, for outputs.
    pub engine: Arc<E>,
    /// Whom it talks with.
    pub manager: Client,
    /// Where outputs are sent from.
    pub tracker: TaskTracker,
    /// The ports of services here.
    pub ports: Arc<Ports>,
}

/// What came of one question.
struct Exchanged {
    receipt: Receipt,
    /// The volumes that were told.
    volumes: Option<BTreeSet<String>>,
    base: Option<u64>,
    asked_at: Moment,
    result: Result<SyncAnswer, ClientError>,
}

/// Whether this machine's clock on the wall and the manager's show the same, as far as was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clocks {
    Agree,
    Differ,
}

/// Why the manager is away, as far as was said since it answered last: each reason once, whatever numbers are in it.
#[derive(Default)]
struct Reasons(BTreeSet<String>);

/// What is read of the machine, now and then.
#[derive(Default)]
struct Readings {
    gauge: Gauge,
    load: NodeLoad,
    read_at: Option<tokio::time::Instant>,
}

impl<E: Engine> Sync<E> {
    /// Talks until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut news = self.worker.news.clone();
        let mut readings = Readings::default();
        let mut questions = FuturesUnordered::new();
        let outputs = Arc::new(Semaphore::new(OUTPUTS));
        let mut failures = 0_u32;
        let mut heartbeat = HEARTBEAT;
        let mut overdue_at = tokio::time::Instant::now();
        // When the newest question was asked; it is this one's answer that the next waits for, not that of an older one,
        // which may be lost.
        let mut newest = Clock.now().moment;
        let mut is_answered = true;
        let mut clocks = Clocks::Agree;
        let mut reasons = Reasons::default();
        let mut told = ToldVolumes::default();
        loop {
            let due = is_answered || overdue_at <= tokio::time::Instant::now();
            let has_news = questions.len() < 2 && news.has_changed().unwrap_or(false);
            if questions.is_empty() || due && questions.len() < HANGING || has_news {
                // Where one hangs already, this goes out on a connection of its own.
                overdue_at = tokio::time::Instant::now() + heartbeat.mul_f64(OVERDUE);
                news.borrow_and_update();
                let Some(bundle) = self.worker.bundle().await else { return };
                (newest, is_answered) = (Clock.now().moment, false);
                let age = if questions.is_empty() { HEARTBEAT } else { SELDOM };
                let stats = readings.read(bundle.live, age);
                let mut question = self.question(bundle, stats, readings.load, heartbeat);
                told.shorten(&mut question.facts);
                questions.push(self.ask(question));
            }
            let room = questions.len() < 2;
            tokio::select! {
                // Cancel-safe: questions stay in their set, and news stays changed until it is looked at.
                () = stop.cancelled() => return,
                Some(exchanged) = questions.next() => match exchanged.result {
                    Ok(answer) => {
                        if failures > 0 {
                            tracing::info!("the manager answers again");
                        }
                        failures = 0;
                        reasons = Reasons::default();
                        clocks = clocks.compared(&answer);
                        told.answered(&answer.known, exchanged.volumes);
                        heartbeat = heartbeat_of(Duration::from_millis(answer.lease_ms)).unwrap_or(heartbeat);
                        let Exchanged { receipt, base, asked_at, .. } = exchanged;
                        is_answered |= asked_at >= newest;
                        self.hear(answer, receipt, base, asked_at, &outputs).await;
                    }
                    Err(error) => {
                        let longest = if is_another_there(&error) { LONGEST_KNOCK } else { LONGEST_RETRY };
                        self.take_no(&error, &mut reasons).await;
                        failures += 1;
                        if !questions.is_empty() {
                            // Another may be answered yet.
                            continue;
                        }
                        let wait = FIRST_RETRY.saturating_mul(1 << failures.min(10)).min(longest);
                        if stop.run_until_cancelled(tokio::time::sleep(jittered(wait, self.worker.life.instance, failures))).await.is_none() {
                            return;
                        }
                    }
                },
                () = tokio::time::sleep_until(overdue_at), if questions.len() < HANGING => {}
                changed = news.changed(), if room => if changed.is_err() { return } else { news.mark_changed() },
            }
        }
    }

    /// Says why there is no answer, and what comes of that.
    async fn take_no(&self, error: &ClientError, reasons: &mut Reasons) {
        let is_refused = is_another_there(error);
        if is_refused {
            self.worker.say(Said::AnotherSpeaks).await;
        }
        if !reasons.are_news(error) {
            return;
        }
        if is_refused {
            tracing::warn!("this worker begins and stops nothing until the manager admits it: {error}");
        } else {
            tracing::warn!("the manager is away, and this worker goes on by itself: {error}");
        }
    }

    fn question(
        &self,
        bundle: Bundle,
        stats: Option<Stats>,
        load: NodeLoad,
        heartbeat: Duration,
    ) -> SyncRequest {
        SyncRequest {
            life: self.worker.life,
            known: bundle.known,
            clock: Some(Clock.now().wall),
            facts: self.worker.facts.borrow().clone(),
            load,
            engine_trouble: bundle.engine_trouble,
            stats,
            leftovers: bundle.leftovers,
            reports: bundle.reports,
            events: bundle.events,
            routed: self.ports.routed(),
            open: self.ports.still_open(),
            wait_ms: u64::try_from(heartbeat.as_millis()).unwrap_or(u64::MAX),
        }
    }

    async fn ask(&self, request: SyncRequest) -> Exchanged {
        let receipt = Receipt {
            reports: request
                .reports
                .iter()
                .map(|report| (report.task, report.placement, report.observed.seq))
                .collect(),
            events: request.events.last().map_or(0, |event| event.seq),
            newest_event: 0,
        };
        let volumes = request.facts.volumes.clone();
        let base = request.known.map(|known| known.revision);
        let asked_at = Clock.now().moment;
        let path = format!("/nodes/{}/sync", self.node);
        Exchanged {
            receipt,
            volumes,
            base,
            asked_at,
            result: self.manager.post(&path, &request, HEARTBEAT + PATIENCE).await,
        }
    }

    async fn hear(
        &self,
        answer: SyncAnswer,
        receipt: Receipt,
        base: Option<u64>,
        asked_at: Moment,
        outputs: &Arc<Semaphore>,
    ) {
        for request in answer.streams {
            let output = output::send(
                self.engine.clone(),
                self.worker.clone(),
                self.manager.clone(),
                format!("/nodes/{}/streams/{}", self.node, request.id),
                request,
            );
            let Ok(turn) = outputs.clone().try_acquire_owned() else {
                tracing::warn!("more than {OUTPUTS} outputs are being read at once; one more is not sent");
                continue;
            };
            self.tracker.spawn(async move {
                output.await;
                drop(turn);
            });
        }
        if let Some(routes) = answer.routes {
            self.ports.route(routes);
        }
        let receipt = Receipt { newest_event: answer.events_seen, ..receipt };
        let told = Told {
            cluster: answer.known.cluster,
            epoch: answer.known.epoch,
            start: answer.known.start,
            base: answer.base.and(base),
            revision: answer.known.revision,
            whole: answer.whole,
            assignments: answer.assignments,
            leave_alone: answer.leave_alone,
            lease_until: asked_at + Duration::from_millis(answer.lease_ms),
        };
        self.worker.say(Said::Told { told: Box::new(told), receipt }).await;
    }
}

impl Clocks {
    /// Compares them, and says when that begins or ends to be worth a mention.
    fn compared(self, answer: &SyncAnswer) -> Self {
        let Some(managers) = answer.clock else { return self };
        let ours = Clock.now().wall;
        let now = skew::apart(managers, ours).map_or(Self::Agree, |_| Self::Differ);
        match (self, now) {
            (Self::Agree, Self::Differ) => tracing::warn!(
                "{}; until then times in history are wrong, and certificates and tokens may not count",
                skew::remedy(ours, managers)
            ),
            (Self::Differ, Self::Agree) => {
                tracing::info!("this machine's clock and the manager's agree again");
            }
            _ => {}
        }
        now
    }
}

impl Reasons {
    fn are_news(&mut self, error: &ClientError) -> bool {
        self.0.insert(error.to_string().replace(|letter: char| letter.is_ascii_digit(), ""))
    }
}

impl Readings {
    /// Reads the machine when the last reading is of this age or older; what `/stats` shows, when it did.
    fn read(&mut self, live: usize, age: Duration) -> Option<Stats> {
        let now = tokio::time::Instant::now();
        if self.read_at.is_some_and(|at| now.duration_since(at) < age) {
            return None;
        }
        self.read_at = Some(now);
        let stats = machine::stats(live);
        self.load = self.gauge.load(&stats);
        Some(stats)
    }
}

/// Whether the manager said that another worker speaks for this one's node.
const fn is_another_there(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused { status: CONFLICT, .. })
}

/// How long questions hang under a lease: so many to each, and none for longer than a second. `None` = it is no lease.
fn heartbeat_of(lease: Duration) -> Option<Duration> {
    (!lease.is_zero()).then(|| (lease / BEATS).min(HEARTBEAT))
}

/// Up to a quarter less, different for each worker and each try, so that workers do not come back in step.
fn jittered(wait: Duration, instance: InstanceId, failures: u32) -> Duration {
    let text = format!("{instance}/{failures}");
    let sum = text.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    wait.mul_f64(1.0 - 0.25 * f64::from(sum % 1000) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_lease_makes_the_heart_beat_faster_and_no_lease_nothing() {
        let beats = |lease| heartbeat_of(Duration::from_millis(lease)).map(|beat| beat.as_millis());
        assert_eq!(beats(6_000), Some(1_000));
        assert_eq!(beats(300_000), Some(1_000), "news of the machine are no older than that");
        assert_eq!(beats(2_000), Some(333));
        assert_eq!(beats(0), None);
    }
}
