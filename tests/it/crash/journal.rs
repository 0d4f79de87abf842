//! What the clients of a crashing orc were told, and what they sent without an answer.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use orc::model::id::TaskId;
use serde_json::{Value, json};

use crate::support::http::ask;
use crate::support::orc::{TestOrc, sleeper, with};

/// A sequence that looks random and is the same for the same beginning: xorshift64*.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// One that nobody has thrown before; its beginning is printed, so that a failure can be looked at again.
    pub(super) fn new() -> Self {
        let seed = u64::from_str_radix(&TaskId::generate().to_string().replace('-', "")[16..], 16).unwrap();
        eprintln!("the dice begin at {seed}");
        Self(seed | 1)
    }

    /// A number below `sides`.
    pub(super) fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }
}

/// What is known of the tasks that were sent. All clients of one test share it.
#[derive(Debug, Default)]
pub(super) struct Journal {
    inner: RefCell<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Acknowledged, and the bytes of the answer.
    accepted: BTreeMap<String, Accepted>,
    /// Sent, and no answer came.
    unanswered: Vec<Value>,
    /// A stop was sent, and no answer came.
    unanswered_stops: BTreeSet<String>,
    stopped: BTreeSet<String>,
    /// Tasks that really run, of those that were sent.
    running: usize,
    requests: usize,
}

#[derive(Debug)]
struct Accepted {
    event: Value,
    answer: bytes::Bytes,
}

/// The most tasks that really run: the others wait for ever, since a container costs much more than a record.
const REAL: usize = 8;

impl Journal {
    /// Sends events for tasks and stops them, until there is no answer.
    pub(super) async fn load(&self, orc: &TestOrc, dice: &RefCell<Dice>) {
        loop {
            let turn = dice.borrow_mut().below(10);
            let answered = match turn {
                0..6 => self.submit(orc, self.new_event(orc)).await,
                6 => self.repeat(orc, dice).await,
                _ => self.stop_any(orc, dice).await,
            };
            if answered.is_none() {
                return;
            }
        }
    }

    fn new_event(&self, orc: &TestOrc) -> Value {
        let mut inner = self.inner.borrow_mut();
        inner.requests += 1;
        let name = orc.name(&format!("load-{}", inner.requests));
        let is_real = inner.running < REAL;
        inner.running += usize::from(is_real);
        let id = || TaskId::generate().to_string();
        let cpu = if is_real { 0.0 } else { 4000.0 };
        let task = with(sleeper(), json!({ "ID": id(), "Name": name, "CPU": cpu }));
        json!({ "ID": id(), "Task": task })
    }

    /// `None` when there was no answer.
    async fn submit(&self, orc: &TestOrc, event: Value) -> Option<()> {
        self.inner.borrow_mut().unanswered.push(event.clone());
        let headers = [("content-type", "application/json")];
        let answer = ask(orc.manager_port, "POST", "/tasks", &headers, event.to_string()).await.ok()?;
        if answer.status == 503 {
            return None;
        }
        assert_eq!(answer.status, 201, "{answer:?} to {event}");
        let mut inner = self.inner.borrow_mut();
        inner.unanswered.retain(|sent| sent["ID"] != event["ID"]);
        let id = event["Task"]["ID"].as_str().unwrap().to_owned();
        inner.accepted.insert(id, Accepted { event, answer: answer.body });
        Some(())
    }

    async fn repeat(&self, orc: &TestOrc, dice: &RefCell<Dice>) -> Option<()> {
        let Some(id) = self.any(dice) else { return Some(()) };
        let (event, before) = {
            let inner = self.inner.borrow();
            (inner.accepted[&id].event.to_string(), inner.accepted[&id].answer.clone())
        };
        let headers = [("content-type", "application/json")];
        let answer = ask(orc.manager_port, "POST", "/tasks", &headers, event).await.ok()?;
        if answer.status == 503 {
            return None;
        }
        assert_eq!((answer.status, answer.body), (201, before), "the same event has the same answer");
        Some(())
    }

    async fn stop_any(&self, orc: &TestOrc, dice: &RefCell<Dice>) -> Option<()> {
        match self.any(dice) {
            Some(id) => self.stop(orc, id).await,
            None => Some(()),
        }
    }

    async fn stop(&self, orc: &TestOrc, id: String) -> Option<()> {
        self.inner.borrow_mut().unanswered_stops.insert(id.clone());
        let answer = ask(orc.manager_port, "DELETE", &format!("/tasks/{id}"), &[], "").await.ok()?;
        if answer.status == 503 {
            return None;
        }
        assert_eq!(answer.status, 204, "{answer:?} to DELETE of {id}");
        let mut inner = self.inner.borrow_mut();
        inner.unanswered_stops.remove(&id);
        let is_new = inner.stopped.insert(id.clone());
        let was_real = inner.accepted[&id].event["Task"]["CPU"] == 0.0;
        inner.running -= usize::from(is_new && was_real);
        Some(())
    }

    fn any(&self, dice: &RefCell<Dice>) -> Option<String> {
        let inner = self.inner.borrow();
        let count = inner.accepted.len();
        let chosen = dice.borrow_mut().below(count.max(1) as u64);
        inner.accepted.keys().nth(usize::try_from(chosen).unwrap()).cloned()
    }

    /// Sends everything again that had no answer. It must be answered now.
    pub(super) async fn ask_again(&self, orc: &TestOrc) {
        let (unanswered, stops) = {
            let inner = self.inner.borrow();
            (inner.unanswered.clone(), inner.unanswered_stops.clone())
        };
        for event in unanswered {
            self.submit(orc, event).await.expect("it is answered");
        }
        for id in stops {
            self.stop(orc, id).await.expect("it is answered");
        }
    }

    /// Every task that was acknowledged.
    pub(super) fn accepted(&self) -> BTreeSet<String> {
        self.inner.borrow().accepted.keys().cloned().collect()
    }

    /// Those of which nobody wants the end, and that can run.
    pub(super) fn wanted_running(&self) -> BTreeSet<String> {
        let inner = self.inner.borrow();
        let wanted = inner
            .accepted
            .iter()
            .filter(|(id, accepted)| accepted.event["Task"]["CPU"] == 0.0 && !inner.stopped.contains(*id));
        wanted.map(|(id, _)| id.clone()).collect()
    }

    /// Those whose end was acknowledged.
    pub(super) fn stopped(&self) -> BTreeSet<String> {
        self.inner.borrow().stopped.clone()
    }
}
