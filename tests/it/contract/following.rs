//! `GET /events`: everything that happens, as server-sent events that resume where they were cut.

use std::time::Duration;

use futures_util::StreamExt;
use http_body_util::BodyExt;
use serde_json::Value;

use crate::support::http::open;
use crate::support::orc::{COMPLETED, TestOrc, sleeper};

/// One server-sent event.
#[derive(Debug, Clone, PartialEq)]
struct Sent {
    id: u64,
    kind: String,
    data: Value,
}

/// A reader of `GET /events`, which reads on only when asked to.
struct Follower {
    pieces: futures_util::stream::BoxStream<'static, bytes::Bytes>,
    text: String,
}

impl Follower {
    async fn begin(orc: &TestOrc, path: &str, headers: &[(&str, &str)]) -> Self {
        let answer = open(orc.manager_port, "GET", path, headers, "").await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let pieces = answer.into_body().into_data_stream();
        let pieces = pieces.filter_map(|piece| std::future::ready(piece.ok())).boxed();
        Self { pieces, text: String::new() }
    }

    /// The next event; `None` when the stream has ended.
    async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (parse(event), rest.to_owned());
                self.text = rest;
                match event {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let next = tokio::time::timeout(Duration::from_secs(30), self.pieces.next()).await;
            let piece = next.unwrap_or_else(|_| panic!("no event within 30 s; so far: {:?}", self.text))?;
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// Everything up to the first event of this kind.
    async fn up_to(&mut self, kind: &str) -> Vec<Sent> {
        let mut events = Vec::new();
        loop {
            let event = self.next().await.unwrap_or_else(|| panic!("no {kind} in {events:#?}"));
            let is_last = event.kind == kind;
            events.push(event);
            if is_last {
                return events;
            }
        }
    }

    async fn all(&mut self) -> Vec<Sent> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

/// `None` for a comment that keeps the connection alive.
fn parse(text: &str) -> Option<Sent> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    Some(Sent {
        id: field("id")?.parse().unwrap(),
        kind: field("event")?.to_owned(),
        data: serde_json::from_str(field("data")?).unwrap(),
    })
}

#[tokio::test]
async fn a_follower_that_was_cut_off_misses_nothing_even_over_a_restart() {
    let mut orc = TestOrc::start().await;
    let mut follower = Follower::begin(&orc, "/events?since=0", &[]).await;
    let id = orc.submit("followed", sleeper()).await;
    let before = follower.up_to("placed").await;
    let last = before.last().unwrap().clone();
    assert_eq!(last.data["TaskID"], id.as_str());
    assert_eq!(last.data["TaskName"], orc.name("followed"));
    assert_eq!(last.data["Seq"], last.id);
    assert_eq!(last.data["Kind"], last.kind);
    drop(follower);

    orc.until_state(&id, 2).await;
    orc.restart().await;
    orc.delete(&id).await;
    orc.until_state(&id, COMPLETED).await;
    let resume = [("last-event-id", last.id.to_string())];
    let resume = resume.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut follower = Follower::begin(&orc, "/events", &resume).await;
    let after = follower.up_to("completed").await;
    assert_eq!(after[0].id, last.id + 1, "what came next");

    // The same as the history that is read at once.
    let mut whole = Follower::begin(&orc, "/events?since=0&follow=false", &[]).await.all().await;
    whole.truncate(before.len() + after.len());
    assert_eq!(whole, [before, after].concat());
    let numbers: Vec<u64> = whole.iter().map(|event| event.id).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "no number is left out");
    let of_task: Vec<&Value> =
        whole.iter().map(|event| &event.data).filter(|event| event["TaskID"] == id.as_str()).collect();
    assert_eq!(of_task, orc.events(&id).await.iter().collect::<Vec<_>>());

    // Its end alone, and nothing is said to be missing before that.
    let end = Follower::begin(&orc, "/events?since=0&tail=2&follow=false", &[]).await.all().await;
    let end: Vec<u64> = end.iter().map(|event| event.id).collect();
    assert!(end.len() == 2 && end[0] + 1 == end[1] && end[1] >= numbers.len() as u64, "{end:?}");
}

#[tokio::test]
async fn without_a_beginning_only_what_happens_from_now_on_is_told() {
    let orc = TestOrc::start().await;
    let first = orc.submit("before", sleeper()).await;
    orc.until_state(&first, 2).await;
    let mut follower = Follower::begin(&orc, "/events", &[]).await;
    let second = orc.submit("after", sleeper()).await;
    let told = follower.up_to("submitted").await;
    assert_eq!(told.last().unwrap().data["TaskID"], second.as_str());
}

#[tokio::test]
async fn a_number_that_is_none_is_refused() {
    let orc = TestOrc::start().await;
    let headers = [("last-event-id", "the last one")];
    let answer = crate::support::http::ask(orc.manager_port, "GET", "/events", &headers, "").await.unwrap();
    answer.assert_refused(400, &["Last-Event-ID", "the last one", "number"]);
    orc.ask("GET", "/events?since=x", "").await.assert_refused(400, &["since"]);
}
