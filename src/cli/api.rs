//! The manager's API as the commands use it: one method per request.

mod files;
mod images;

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use hyper::Method;
use serde_json::Value;

use super::sse::EventStream;
use crate::client::{Client, ClientError, segment};
use crate::model::id::{NodeName, RequestId};
use crate::model::service::ServiceName;
use crate::model::state::State;
use crate::plan::cluster::change::Force;
use crate::wire::access::{Token, TokenInput, TokenMade};
use crate::wire::authority::{Authority, RotationInput};
use crate::wire::event::Event;
use crate::wire::node::Node;
use crate::wire::node_patch::NodePatchInput;
use crate::wire::rebalance::Rebalance;
use crate::wire::service::{PaceInput, Run, ScaleInput, Service, SteerInput, Version};
use crate::wire::state::History;
use crate::wire::task::{Task, TaskEvent};
use crate::wire::why::Why;

/// The most tasks that are asked for at once.
const PAGE: usize = 1_000;

/// An answer is complete within this; of a stream, its beginning.
const DEADLINE: Duration = Duration::from_secs(30);

/// A body that comes bit by bit.
pub(super) type Pieces = BoxStream<'static, Result<Bytes, ClientError>>;

/// A manager.
pub(super) struct Api {
    client: Client,
}

/// Which tasks are wanted; by default all.
#[derive(Debug, Clone, Default)]
pub(super) struct TaskQuery {
    /// In one of these states; empty = in any.
    pub(super) states: Vec<State>,
    /// Of exactly this name.
    pub(super) name: Option<String>,
    /// On this node.
    pub(super) node: Option<NodeName>,
    /// Of this service.
    pub(super) service: Option<ServiceName>,
}

impl TaskQuery {
    /// What is not over yet.
    pub(super) fn live() -> Self {
        Self { states: State::ALL.into_iter().filter(|state| !state.is_final()).collect(), ..Self::default() }
    }

    fn path(&self, cursor: &str) -> String {
        let mut path = format!("/tasks?limit={PAGE}");
        let states: Vec<_> = self.states.iter().map(|state| state.word()).collect();
        let node = self.node.as_ref().map(NodeName::as_str).unwrap_or_default();
        let name = self.name.as_deref().unwrap_or_default();
        let service = self.service.as_ref().map(ServiceName::as_str).unwrap_or_default();
        for (key, value) in [
            ("State", &*states.join(",")),
            ("Name", name),
            ("Node", node),
            ("Service", service),
            ("cursor", cursor),
        ] {
            if !value.is_empty() {
                path.extend(["&", key, "=", &segment(value)]);
            }
        }
        path
    }
}

/// Which part of what a task writes; by default what it has written, all of it.
#[derive(Debug, Clone, Default)]
pub(super) struct LogQuery {
    /// Go on with what it will write.
    pub(super) follow: bool,
    /// Only so many last lines.
    pub(super) tail: Option<u64>,
    /// Only what was written since: a time, or how long ago.
    pub(super) since: Option<String>,
    /// Begin each line with its time.
    pub(super) timestamps: bool,
}

impl LogQuery {
    fn path(&self, id: &str) -> String {
        let mut path = format!("/tasks/{id}/logs?follow={}&timestamps={}", self.follow, self.timestamps);
        if let Some(tail) = self.tail {
            let _ = write!(path, "&tail={tail}");
        }
        if let Some(since) = &self.since {
            path.extend(["&since=", &segment(since)]);
        }
        path
    }
}

impl Api {
    pub(super) const fn new(client: Client) -> Self {
        Self { client }
    }

    /// Hands in a `TaskEvent`, on this node when one is named.
    pub(super) async fn submit(
        &self,
        event: &Value,
        node: Option<&NodeName>,
    ) -> Result<TaskEvent, ClientError> {
        let path = node.map_or_else(|| "/tasks".to_owned(), |node| format!("/nodes/{node}/tasks"));
        self.client.post(&path, event, DEADLINE).await
    }

    /// One task.
    pub(super) async fn task(&self, id: &str) -> Result<Task, ClientError> {
        self.client.get(&format!("/tasks/{id}"), DEADLINE).await
    }

    /// Tasks in the order in which they were accepted.
    pub(super) async fn tasks(&self, query: &TaskQuery) -> Result<Vec<Task>, ClientError> {
        let (mut tasks, mut cursor) = (Vec::new(), String::new());
        loop {
            let (page, next) = self.client.get_page::<Vec<Task>>(&query.path(&cursor), DEADLINE).await?;
            tasks.extend(page);
            match next {
                Some(next) if next != cursor => cursor = next,
                _ => return Ok(tasks),
            }
        }
    }

    /// Asks for a task to be stopped.
    pub(super) async fn stop(&self, id: &str) -> Result<(), ClientError> {
        self.client.delete(&format!("/tasks/{id}"), DEADLINE).await
    }

    /// The history of a task, oldest first.
    pub(super) async fn events_of(&self, id: &str) -> Result<Vec<Event>, ClientError> {
        self.client.get(&format!("/tasks/{id}/events"), DEADLINE).await
    }

    /// Why a task is where and as it is.
    pub(super) async fn why(&self, id: &str) -> Result<Why, ClientError> {
        self.client.get(&format!("/tasks/{id}/why"), DEADLINE).await
    }

    /// What has happened in the cluster, all of it or so many of the newest events; then the end, or what happens.
    pub(super) async fn events(&self, tail: Option<u32>, follow: bool) -> Result<EventStream, ClientError> {
        let tail = tail.map(|tail| format!("&tail={tail}")).unwrap_or_default();
        self.stream(&format!("/events?since=0&follow={follow}{tail}")).await.map(EventStream::new)
    }

    /// What happens in the cluster after the event of this number.
    pub(super) async fn events_since(&self, seq: u64) -> Result<EventStream, ClientError> {
        self.stream(&format!("/events?since={seq}")).await.map(EventStream::new)
    }

    /// What happens in the cluster from now on.
    pub(super) async fn events_from_now(&self) -> Result<EventStream, ClientError> {
        self.stream("/events").await.map(EventStream::new)
    }

    /// What a task writes.
    pub(super) async fn logs(&self, id: &str, query: &LogQuery) -> Result<Pieces, ClientError> {
        self.stream(&query.path(id)).await
    }

    /// Which history the manager has.
    pub(super) async fn history(&self) -> Result<History, ClientError> {
        self.client.get("/state", DEADLINE).await
    }

    /// Lets the manager's history go on, although workers know a later one.
    pub(super) async fn accept_state(&self) -> Result<History, ClientError> {
        self.client.post("/state/accept", &Value::Null, DEADLINE).await
    }

    /// All nodes.
    pub(super) async fn nodes(&self) -> Result<Vec<Node>, ClientError> {
        self.client.get("/nodes", DEADLINE).await
    }

    /// One node.
    pub(super) async fn node(&self, node: &NodeName) -> Result<Node, ClientError> {
        self.client.get(&format!("/nodes/{node}"), DEADLINE).await
    }

    /// Changes what an operator says of a node; the node as it is then.
    pub(super) async fn set_node(
        &self,
        node: &NodeName,
        patch: &NodePatchInput,
    ) -> Result<Node, ClientError> {
        self.client.send(Method::PATCH, &format!("/nodes/{node}"), patch, DEADLINE).await
    }

    /// What a rebalance would move now, and how far one is that was asked for.
    pub(super) async fn proposed_rebalance(&self) -> Result<Rebalance, ClientError> {
        self.client.get("/rebalance", DEADLINE).await
    }

    /// Has tasks moved to where they stand better; what it sets out to do.
    pub(super) async fn rebalance(&self) -> Result<Rebalance, ClientError> {
        self.client.post("/rebalance", &Value::Null, DEADLINE).await
    }

    /// All services.
    pub(super) async fn services(&self) -> Result<Vec<Service>, ClientError> {
        self.client.get("/services", DEADLINE).await
    }

    /// One service.
    pub(super) async fn service(&self, name: &ServiceName) -> Result<Service, ClientError> {
        self.client.get(&format!("/services/{name}"), DEADLINE).await
    }

    /// Makes a service; the one that is there, when that is the same.
    pub(super) async fn make_service(&self, service: &Value) -> Result<Service, ClientError> {
        self.client.post("/services", service, DEADLINE).await
    }

    /// Has a service of this version be so; `None` = there is none yet.
    pub(super) async fn set_service(
        &self,
        name: &ServiceName,
        version: Option<u64>,
        service: &Value,
    ) -> Result<Service, ClientError> {
        let client = version.map_or_else(|| self.client.clone(), |version| self.client.matching(version));
        client.send(Method::PUT, &format!("/services/{name}"), service, DEADLINE).await
    }

    /// Removes a service.
    pub(super) async fn remove_service(&self, name: &ServiceName) -> Result<(), ClientError> {
        self.client.delete(&format!("/services/{name}"), DEADLINE).await
    }

    /// Removes a service of this version; of any where there is none.
    pub(super) async fn remove_version(
        &self,
        name: &ServiceName,
        version: Option<u64>,
    ) -> Result<(), ClientError> {
        let client = version.map_or_else(|| self.client.clone(), |version| self.client.matching(version));
        client.delete(&format!("/services/{name}"), DEADLINE).await
    }

    /// The versions of a service, oldest first.
    pub(super) async fn versions(&self, name: &ServiceName) -> Result<Vec<Version>, ClientError> {
        self.client.get(&format!("/services/{name}/versions"), DEADLINE).await
    }

    /// Changes how many tasks a service has.
    pub(super) async fn scale(&self, name: &ServiceName, replicas: u32) -> Result<Service, ClientError> {
        self.client.post(&format!("/services/{name}/scale"), &ScaleInput { replicas }, DEADLINE).await
    }

    /// Brings a version of a service back; `None` = the one that was healthy last.
    pub(super) async fn roll_back(
        &self,
        name: &ServiceName,
        to: Option<u64>,
    ) -> Result<Service, ClientError> {
        let to = to.map(|to| format!("?to={to}")).unwrap_or_default();
        self.client.post(&format!("/services/{name}/rollback{to}"), &Value::Null, DEADLINE).await
    }

    /// Says how a rollout goes on: "pause", "resume" or "promote".
    pub(super) async fn steer(&self, name: &ServiceName, action: &str) -> Result<Service, ClientError> {
        let input = SteerInput { action: action.to_owned() };
        self.client.post(&format!("/services/{name}/rollout"), &input, DEADLINE).await
    }

    /// The runs of a service, oldest first.
    pub(super) async fn runs(&self, name: &ServiceName) -> Result<Vec<Run>, ClientError> {
        self.client.get(&format!("/services/{name}/runs"), DEADLINE).await
    }

    /// Begins a run of a service.
    pub(super) async fn run_service(
        &self,
        name: &ServiceName,
        request: RequestId,
    ) -> Result<Run, ClientError> {
        self.client.post(&format!("/services/{name}/runs?id={request}"), &Value::Null, DEADLINE).await
    }

    /// Says whether runs begin by the clock: "suspend" or "resume".
    pub(super) async fn pace(&self, name: &ServiceName, action: &str) -> Result<Service, ClientError> {
        let input = PaceInput { action: action.to_owned() };
        self.client.post(&format!("/services/{name}/schedule"), &input, DEADLINE).await
    }

    /// Takes a node out of the cluster; `force` = though it is heard of, or has tasks.
    pub(super) async fn remove_node(&self, node: &NodeName, force: Force) -> Result<(), ClientError> {
        self.client.delete(&format!("/nodes/{node}?force={}", force == Force::Yes), DEADLINE).await
    }

    /// The cluster's authority.
    pub(super) async fn authority(&self) -> Result<Authority, ClientError> {
        self.client.get("/ca", DEADLINE).await
    }

    /// Has another authority follow it, or ends that.
    pub(super) async fn rotate_authority(&self, wanted: &RotationInput) -> Result<Authority, ClientError> {
        self.client.post("/ca/rotate", wanted, DEADLINE).await
    }

    /// Makes a token.
    pub(super) async fn make_token(&self, token: &TokenInput) -> Result<TokenMade, ClientError> {
        self.client.post("/tokens", token, DEADLINE).await
    }

    /// All tokens, without their secrets.
    pub(super) async fn tokens(&self) -> Result<Vec<Token>, ClientError> {
        self.client.get("/tokens", DEADLINE).await
    }

    /// Makes a token void.
    pub(super) async fn revoke_token(&self, id: &str) -> Result<(), ClientError> {
        self.client.delete(&format!("/tokens/{}", segment(id)), DEADLINE).await
    }

    async fn stream(&self, path: &str) -> Result<Pieces, ClientError> {
        Ok(self.client.stream(path, DEADLINE).await?.boxed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_what_is_wanted_and_nothing_else() {
        assert_eq!(TaskQuery::default().path(""), "/tasks?limit=1000");
        let query = TaskQuery {
            name: Some("a&b=ü".to_owned()),
            node: Some("worker-1".parse().unwrap()),
            ..TaskQuery::live()
        };
        assert_eq!(
            query.path("7"),
            "/tasks?limit=1000&State=pending%2Cscheduled%2Crunning&Name=a%26b%3D%C3%BC&Node=worker-1&cursor=7"
        );
        let logs = LogQuery { tail: Some(5), since: Some("1m 30s".to_owned()), ..LogQuery::default() };
        assert_eq!(logs.path("x"), "/tasks/x/logs?follow=false&timestamps=false&tail=5&since=1m%2030s");
    }
}
