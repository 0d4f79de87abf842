//! The users: what they asked for, what they were answered, and what follows from that for ever.

use std::collections::BTreeMap;
use std::sync::Arc;

use orc::model::id::{NodeName, RequestId, TaskId};
use orc::model::spec::TaskSpec;
use orc::model::state::Desired;
use orc::model::task::Task;
use orc::plan::cluster::change::{Change, Refusal, Submission};
use serde_json::json;
use uuid::Uuid;

use crate::manager::Reply;
use crate::schedule::{Image, Shape};
use crate::world::{Checked, Event, World, broken};

/// What a user wants of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    Run,
    Stop,
    /// The first request once more, although it was answered.
    RunAgain,
    /// Something else under the first request's ID.
    Reuse,
}

/// Everybody's wishes, by number.
#[derive(Debug, Default)]
pub(crate) struct Users {
    pub(crate) wishes: BTreeMap<usize, Wish>,
    /// Tasks of services: each that is on the manager's disk is like one that was accepted.
    members: BTreeMap<TaskId, Wish>,
}

impl Users {
    /// All that is wanted, or was.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Wish> {
        self.wishes.values().chain(self.members.values())
    }

    /// Who wants a task, or wanted it.
    pub(crate) fn wish(&self, task: TaskId) -> Option<&Wish> {
        self.members.get(&task).or_else(|| self.wishes.values().find(|wish| wish.task == task))
    }

    /// A task of a service is wanted no more, for a good reason.
    pub(crate) fn is_to_stop(&mut self, task: TaskId) {
        if let Some(wish) = self.members.get_mut(&task) {
            (wish.stop_asked, wish.stop_accepted) = (true, true);
        }
    }

    /// Takes note of a task of a service that is durable.
    pub(crate) fn note_member(&mut self, task: &Task) {
        let wish = || Wish {
            task: task.id,
            spec: task.spec.clone(),
            pinned: task.pinned.clone(),
            accepted: Some(true),
            stop_asked: false,
            stop_accepted: false,
        };
        self.members.entry(task.id).or_insert_with(wish);
        if task.desired == Desired::Stop {
            self.is_to_stop(task.id);
        }
    }

    /// The manager has died: what it had decided and not written is nothing.
    pub(crate) fn go_by(&mut self, tasks: &BTreeMap<TaskId, Arc<Task>>) {
        for wish in self.members.values_mut() {
            let stops = tasks.get(&wish.task).is_none_or(|task| task.desired == Desired::Stop);
            (wish.stop_asked, wish.stop_accepted) = (stops, stops);
        }
    }
}

/// One task that somebody asked for.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) task: TaskId,
    pub(crate) spec: Arc<TaskSpec>,
    pub(crate) pinned: Option<NodeName>,
    /// `Some(true)` = 201; `Some(false)` = 4xx.
    pub(crate) accepted: Option<bool>,
    /// The stop was sent, perhaps in vain.
    pub(crate) stop_asked: bool,
    /// The stop was answered.
    pub(crate) stop_accepted: bool,
}

pub(crate) fn task_id(wish: usize) -> TaskId {
    TaskId::from_uuid(Uuid::from_u128(0x7a50_0000_0000 + wish as u128))
}

fn request_id(wish: usize, want: Want) -> RequestId {
    let kind = u128::from(want == Want::Stop);
    RequestId::from_uuid(Uuid::from_u128(0x4e90_0000_0000 + 2 * wish as u128 + kind))
}

pub(crate) fn name(of: u8) -> String {
    format!("web-{of}")
}

pub(crate) fn image(of: Image) -> &'static str {
    match of {
        Image::OnEveryHost => "present:1",
        Image::InTheRegistry => "pulled:1",
        Image::Nowhere => "nowhere:1",
    }
}

/// The specification of a shape.
fn spec(shape: Shape) -> TaskSpec {
    let check =
        json!({ "Path": "/health", "IntervalMs": 2000, "TimeoutMs": 1000, "Retries": 2, "StartPeriodMs": 0 });
    let mut spec = json!({
        "Name": name(shape.name),
        "Image": image(shape.image),
        "CPU": f64::from(shape.cores) / 4.0,
        "Memory": u64::from(shape.gibibytes) << 30,
        "ExposedPorts": { "80/tcp": {} },
        "RestartPolicy": shape.policy,
        "HealthCheck": shape.checked.then_some(check),
    });
    if shape.checked && shape.name % 2 == 1 {
        // The same apart: readiness and liveness.
        spec["HealthCheck"] = json!(null);
        let times = json!({ "IntervalMs": 2000, "TimeoutMs": 1000, "Retries": 2, "StartPeriodMs": 0 });
        for (probe, test) in [("Readiness", json!({ "Exec": ["check"] })), ("Liveness", json!({ "Tcp": 80 }))]
        {
            spec[probe] = times.clone();
            spec[probe]["Test"] = test;
        }
    }
    if shape.single {
        spec["Failover"] = json!("single");
    }
    if let Some(volume) = shape.volume {
        let mount = json!({ "Type": "volume", "Source": format!("data-{volume}"), "Target": "/data" });
        spec["Mounts"] = json!([mount]);
    }
    if shape.host_port {
        spec["PortBindings"] = json!({ "80/tcp": "8080" });
        spec["PublishMode"] = json!("host");
    }
    serde_json::from_value(spec).expect("a specification")
}

impl World {
    /// A user makes up his mind.
    pub(crate) fn submit(&mut self, wish: usize, shape: Shape) {
        let pinned = shape.pinned.map(|node| self.workers[node].name.clone());
        let wished = Wish {
            task: task_id(wish),
            spec: Arc::new(spec(shape)),
            pinned,
            accepted: None,
            stop_asked: false,
            stop_accepted: false,
        };
        self.users.wishes.insert(wish, wished);
        self.after(1, Event::UserAsks(wish, Want::Run));
    }

    /// A user's request reaches the manager, or gets lost on the way; so may the answer. Users ask until they hear.
    pub(crate) fn user_asks(&mut self, wish: usize, want: Want) -> Checked {
        let Some(wished) = self.users.wishes.get(&wish).cloned() else { return Ok(()) };
        if self.quiet || !self.random.chance(self.profile.message_loss) {
            let change = self.request(wish, &wished, want);
            let reply = self.manager_hears_user(&change)?;
            self.say(|| format!("user {want:?} {} -> {reply:?}", wished.spec.name));
            let heard = self.quiet || self.forgetful || !self.random.chance(self.profile.message_loss);
            if heard && !matches!(reply, Reply::Nothing | Reply::Full) {
                return self.user_hears(wish, want, &reply);
            }
        }
        if matches!(want, Want::Run | Want::Stop) {
            let patience = self.random.between(200, 1500);
            self.after(patience, Event::UserAsks(wish, want));
        }
        Ok(())
    }

    fn request(&self, wish: usize, wished: &Wish, want: Want) -> Change {
        let digest = |of: &str| format!("{of} {wish}");
        match want {
            Want::Stop => {
                let request = (request_id(wish, want), digest("stop"));
                Change::Stop { task: wished.task, request: Some(request).filter(|_| wish.is_multiple_of(2)) }
            }
            Want::Run | Want::RunAgain | Want::Reuse => Change::Submit(Submission {
                request: request_id(wish, Want::Run),
                digest: digest(if want == Want::Reuse { "other" } else { "run" }),
                task: wished.task,
                spec: wished.spec.clone(),
                pinned: wished.pinned.clone(),
                at: self.manager.clocks.at(self.now).wall,
            }),
        }
    }

    fn user_hears(&mut self, wish: usize, want: Want, reply: &Reply) -> Checked {
        self.coverage.count("reply", reply.name());
        let forgetful = self.forgetful;
        let Some(wished) = self.users.wishes.get_mut(&wish) else { return Ok(()) };
        let yes = matches!(reply, Reply::Accepted | Reply::Repeated);
        if let Reply::Refused(Refusal::NameTaken { name, holder }) = reply
            && self.manager.disk.tasks.get(holder).is_none_or(|task| task.state.is_final())
        {
            return broken("S18", format!("the name {name} is refused for {holder}, which does not live"));
        }
        match want {
            Want::Run => wished.accepted = Some(yes),
            Want::Stop if yes => wished.stop_accepted = true,
            Want::Stop => {
                let unknown = wished.accepted == Some(true) && !forgetful;
                if unknown {
                    return broken(
                        "S1",
                        format!("{} was accepted, and its stop is refused: {reply:?}", wished.task),
                    );
                }
            }
            // What was accepted is answered as before, unless it was forgotten and taken anew.
            Want::RunAgain if wished.accepted == Some(true) && *reply != Reply::Repeated && !forgetful => {
                return broken("S9", format!("the same request for {} was answered {reply:?}", wished.task));
            }
            Want::Reuse if wished.accepted == Some(true) && yes && !forgetful => {
                return broken("S9", format!("another request under the ID of {} was accepted", wished.task));
            }
            Want::RunAgain | Want::Reuse => {}
        }
        Ok(())
    }
}
