//! Making calls: each in a task of its own, so many at a time, and a hung one holds nobody else up.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::task::TaskTracker;

use super::Said;
use super::files::Files;
use super::images;
use super::networks::Networks;
use super::probe::Probing;
use super::turn::in_turn;
use crate::engine::Engine;
use crate::model::container::{Failure, Owner};
use crate::model::spec::TaskSpec;
use crate::plan::host::call::{Answer, Call, Outcome, Verb};

/// Engines start containers fastest with about so many at a time.
const STARTS: usize = 8;

/// They end them fastest with about so many.
const STOPS: usize = 16;

/// A call that takes longer gives up its turn, not its answer: it may be hung.
const TURN: Duration = Duration::from_secs(3);

/// Stops are meant to take long.
const STOP_TURN: Duration = Duration::from_millis(500);

/// How the keeper's calls are made.
pub struct Calls<E> {
    engine: Arc<E>,
    probing: Probing<E>,
    files: Arc<Files>,
    networks: Networks,
    said: mpsc::Sender<Said>,
    tracker: TaskTracker,
    starts: Arc<Semaphore>,
    stops: Arc<Semaphore>,
}

impl<E: Engine> Calls<E> {
    /// Outcomes go to `said`.
    pub fn new(engine: Arc<E>, files: Arc<Files>, said: mpsc::Sender<Said>, tracker: TaskTracker) -> Self {
        let (starts, stops) = (Arc::new(Semaphore::new(STARTS)), Arc::new(Semaphore::new(STOPS)));
        let probing = Probing::new(engine.clone());
        Self { engine, probing, files, networks: Networks::default(), said, tracker, starts, stops }
    }

    /// Makes a call; its outcome is said later, whatever happens.
    pub fn make(&self, owner: &Owner, call: Call) {
        let (engine, said, owner) = (self.engine.clone(), self.said.clone(), owner.clone());
        match call {
            Call::List { number } => {
                self.then_say(async move { Outcome::Listed { number, result: engine.list(&owner).await } });
            }
            Call::Pull { image } => {
                _ = self.tracker.spawn(pull(engine, self.files.clone(), owner, image, said));
            }
            Call::Probe { task, container, number, question, timeout } => {
                let probing = self.probing.clone();
                self.then_say(async move {
                    let reply = probing.ask(&container, &question, timeout).await;
                    Outcome::Probed { task, container, number, reply }
                });
            }
            Call::Networks => {
                self.then_say(async move { Outcome::Networks { result: engine.networks(&owner).await } });
            }
            Call::RemoveNetwork { id, name } => self.then_say(async move {
                let result = engine.remove_network(&id).await;
                Outcome::NetworkRemoved { name, result }
            }),
            Call::Lane { task, verb } => {
                let (turns, networks, files) = (self.turns(&verb), self.networks.clone(), self.files.clone());
                self.then_say(async move {
                    // Before its turn: a manager that is away holds up nobody else.
                    let result = match files.provide_for(&owner, &verb).await {
                        Ok(mounting) => {
                            let call = perform(&*engine, &networks, &owner, &verb, mounting.as_deref());
                            match turns {
                                Some((turns, length)) => in_turn(&turns, length, call).await,
                                None => call.await,
                            }
                        }
                        Err(failure) => Err(failure),
                    };
                    Outcome::Done { task, verb, result }
                });
            }
        }
    }

    fn then_say(&self, call: impl Future<Output = Outcome> + Send + 'static) {
        let said = self.said.clone();
        self.tracker.spawn(async move {
            let outcome = call.await;
            // A keeper that is gone looks at the engine itself when it is back.
            let _ = said.send(Said::Outcome(outcome)).await;
        });
    }

    fn turns(&self, verb: &Verb) -> Option<(Arc<Semaphore>, Duration)> {
        match verb {
            Verb::Create { .. } | Verb::Start(_) => Some((self.starts.clone(), TURN)),
            Verb::Stop(..) => Some((self.stops.clone(), STOP_TURN)),
            Verb::Remove(_) => Some((self.stops.clone(), TURN)),
            Verb::Inspect(_)
            | Verb::Find(_)
            | Verb::Unpause(_)
            | Verb::Rename(..)
            | Verb::RestoreLimits(..) => None,
        }
    }
}

/// `mounting` is what a container is created of when its task names files: those are among its mounts.
async fn perform<E: Engine>(
    engine: &E,
    networks: &Networks,
    owner: &Owner,
    verb: &Verb,
    mounting: Option<&TaskSpec>,
) -> Result<Answer, Failure> {
    match verb {
        Verb::Inspect(id) => look(engine, owner, &id.0).await,
        Verb::Find(name) => look(engine, owner, name).await,
        Verb::Create { name, identity, spec } => {
            networks.prepare(engine, owner, spec).await?;
            engine.create(owner, name, identity, mounting.unwrap_or(spec)).await.map(Answer::Created)
        }
        Verb::Start(id) => engine.start(id).await.map(|()| Answer::Done),
        Verb::Unpause(id) => engine.unpause(id).await.map(|()| Answer::Done),
        Verb::Stop(id, spec) => engine.stop(id, spec.as_deref()).await.map(|()| Answer::Done),
        Verb::Remove(id) => engine.remove(id).await.map(|()| Answer::Done),
        Verb::Rename(id, name) => engine.rename(id, name).await.map(|()| Answer::Done),
        Verb::RestoreLimits(id, spec) => engine.restore_limits(id, spec).await.map(|()| Answer::Done),
    }
}

async fn look<E: Engine>(engine: &E, owner: &Owner, id_or_name: &str) -> Result<Answer, Failure> {
    engine.inspect(owner, id_or_name).await.map(|container| Answer::Container(Box::new(container)))
}

/// Fetches an image, and says how far it is about once a second.
async fn pull<E: Engine>(
    engine: Arc<E>,
    files: Arc<Files>,
    owner: Owner,
    image: String,
    said: mpsc::Sender<Said>,
) {
    const EVERY: Duration = Duration::from_secs(1);
    let (progress, moved) = watch::channel(String::new());
    let mut pull = Box::pin(images::fetch(&*engine, files.manager(), &owner, &image, progress));
    let mut last = String::new();
    let result = loop {
        tokio::select! {
            result = &mut pull => break result,
            () = tokio::time::sleep(EVERY) => {
                let progress = moved.borrow().clone();
                if !progress.is_empty() && progress != last {
                    last.clone_from(&progress);
                    let _ = said.send(Said::Outcome(Outcome::Pulling { image: image.clone(), progress })).await;
                }
            }
        }
    };
    drop(pull);
    let _ = said.send(Said::Outcome(Outcome::Pulled { image, result })).await;
}
