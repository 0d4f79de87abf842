//! `deploy.placement`: Swarm's words for nodes in orc's.

use super::note::{Fate, Scope};
use crate::model::placement::{Constraint, Fact, Weight};
use crate::model::service::ServiceName;
use crate::wire::placement::{Placement, Preference, Spread};
use crate::wire::submission::TaskInput;

/// The label of containers by which the tasks of a service know each other, where their placement needs it.
const KIN: &str = "deploy.service";

/// What the first of several preferences counts; each further one counts half as much.
const MOST: i64 = 100;

/// Says where its tasks may be.
pub(super) fn place(scope: &mut Scope<'_>, name: &ServiceName, task: &mut TaskInput) {
    let said = &scope.service.deploy.placement;
    let mut placement = Placement::default();
    for (index, constraint) in said.constraints.iter().enumerate() {
        let key = format!("deploy.placement.constraints[{index}]");
        match in_orcs_words(&constraint.value) {
            Ok(Some((constraint_read, warning))) => {
                placement.constraints.push(constraint_read);
                if let Some(says) = warning {
                    scope.tell(&key, &constraint.at, Fate::Warned, says);
                }
            }
            Ok(None) => {}
            Err(says) => scope.tell(&key, &constraint.at, Fate::Refused, says),
        }
    }
    let mut weight = MOST;
    for (index, over) in said.spread.iter().enumerate() {
        let key = format!("deploy.placement.preferences[{index}]");
        match over.value.parse::<Fact>() {
            Ok(fact) => placement.preferences.push(Preference {
                prefer: None,
                spread: Some(Spread { spread_descriptor: fact, of: Some(KIN.to_owned()) }),
                weight: Weight::try_from(weight).ok(),
            }),
            Err(says) => scope.tell(&key, &over.at, Fate::Refused, says),
        }
        weight = (weight / 2).max(1);
    }
    match said.max_replicas_per_node {
        Some(1) => placement.anti_affinity.push(KIN.to_owned()),
        Some(most) => scope.warn(
            "deploy.placement.max_replicas_per_node",
            format!(
                "{most} are not counted: tasks go where there is room; 1 keeps them on nodes of their own"
            ),
        ),
        None => {}
    }
    if !placement.anti_affinity.is_empty() || !placement.preferences.is_empty() {
        task.labels.get_or_insert_default().insert(KIN.to_owned(), name.to_string());
    }
    task.placement = (placement != Placement::default()).then_some(placement);
}

/// A constraint, and what to say of it; none where every node matches.
fn in_orcs_words(text: &str) -> Result<Option<(Constraint, Option<String>)>, String> {
    let split = ["==", "!="].into_iter().find_map(|operator| {
        let (fact, value) = text.split_once(operator)?;
        Some((fact.trim(), operator, value.trim()))
    });
    let (fact, operator, value) = split.unwrap_or((text.trim(), "", ""));
    let (text, warning) = match fact {
        "node.hostname" => {
            let says = "`node.hostname` is taken for orc's name of the node, which `orc node ls` shows";
            (format!("node.name{operator}{value}"), Some(says.to_owned()))
        }
        "node.platform.os" if (operator, value) == ("==", "linux") => return Ok(None),
        "node.role" => {
            return Err("nodes have no roles: managers run no tasks. Label the nodes that are meant with \
                        `orc node label`, and constrain by `node.labels.NAME`"
                .to_owned());
        }
        _ if fact.starts_with("engine.labels.") => {
            return Err(format!(
                "labels of engines are not known; label the nodes, and constrain by `node.labels.{}`",
                fact.trim_start_matches("engine.labels.")
            ));
        }
        _ => (text.to_owned(), None),
    };
    text.parse().map(|constraint| Some((constraint, warning)))
}
