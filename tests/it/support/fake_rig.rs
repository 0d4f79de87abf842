//! The fake engine as a [`Rig`].

use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use orc::engine::Deadlines;
use orc::engine::fake::{Command, Fake, Program};
use orc::model::container::Owner;
use orc::model::id::ContainerId;
use orc::model::spec::TaskSpec;
use orc::model::state::Health;

use super::cases::{new_owner, port, spec_of};
use super::rig::{Kind, Known, Rig, programs};

pub(crate) struct FakeRig {
    pub(crate) fake: Fake,
    owner: Owner,
    next_port: AtomicU16,
}

impl FakeRig {
    pub(crate) fn new() -> Self {
        let fake = Fake::new(Deadlines::default());
        Self { fake, owner: new_owner(), next_port: AtomicU16::new(20_000) }
    }
}

impl Rig for FakeRig {
    type Engine = Fake;

    fn engine(&self) -> &Fake {
        &self.fake
    }

    fn owner(&self) -> &Owner {
        &self.owner
    }

    fn spec(&self, kind: Kind) -> TaskSpec {
        let image = format!("{kind:?}").to_lowercase();
        let program = match kind {
            Kind::Server => Program { exposes: vec![port("7777/tcp")], ..Program::default() },
            Kind::Deaf => Program::deaf(),
            Kind::Ends(code) => Program::ending(Duration::from_millis(50), code.into()),
            Kind::Talks => Program {
                writes: ["one", "two", "three"].map(str::to_owned).into(),
                ..Program::ending(Duration::from_millis(50), 0)
            },
            Kind::Absent => Program {
                refuses: Some("exec: \"/absent\": no such file or directory".to_owned()),
                ..Program::default()
            },
            Kind::Shell => {
                Program { commands: programs().into_iter().map(of_program).collect(), ..Program::default() }
            }
            Kind::Checked => Program { health: Health::Healthy, ..Program::default() },
        };
        self.fake.add_image(&image, program);
        spec_of(&image)
    }

    fn free_port(&self) -> u16 {
        self.next_port.fetch_add(1, Ordering::Relaxed)
    }

    async fn pause(&self, id: &ContainerId) {
        self.fake.pause(&id.0);
    }

    async fn vanish(&self, id: &ContainerId) {
        self.fake.vanish(&id.0);
    }

    async fn rename(&self, id: &ContainerId, name: &str) {
        self.fake.rename(&id.0, name);
    }

    async fn change_limits(&self, id: &ContainerId) {
        self.fake.change_limits(&id.0);
    }

    async fn kill(&self, id: &ContainerId) {
        self.fake.exit(&id.0, 137);
    }

    async fn killed_for_memory(&self) -> ContainerId {
        let id = self.started(Kind::Server).await;
        self.fake.kill_for_memory(&id.0);
        id
    }

    async fn add_foreign(&self, name: &str) -> ContainerId {
        self.fake.add_foreign(name, &self.spec(Kind::Server)).unwrap()
    }

    async fn archive_of(&self, image: &str) -> Vec<u8> {
        image.as_bytes().to_vec()
    }

    async fn add_foreign_network(&self, name: &str) {
        self.fake.add_foreign_network(name);
    }

    async fn remove_foreign_network(&self, _name: &str) {
        // It goes with the engine.
    }
}

fn of_program((command, ends): Known) -> (Vec<String>, Command) {
    (command, ends.map_or(Command::Hangs, |(code, output)| Command::Ends(code, output)))
}
