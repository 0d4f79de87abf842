//! The rules of letting in, each as a small history.

use std::time::Duration;

use super::*;
use crate::model::id::ClusterId;

const NOW: i64 = 1_795_332_379_000;

fn now() -> Timestamp {
    Timestamp::from_millis(NOW)
}

fn in_an_hour() -> Timestamp {
    now().after(Duration::from_hours(1))
}

fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}

fn record(id: String, digest: Digest, role: Role) -> Token {
    Token {
        id,
        role,
        name: String::new(),
        digest: digest.to_string(),
        created_at: now(),
        expires_at: Some(in_an_hour()),
        uses_left: (role == Role::Join).then_some(1),
        revoked_at: None,
    }
}

/// A registry with a join token for one use within an hour.
fn inviting() -> (Registry, JoinToken) {
    let token = JoinToken::generate(Digest::of("authority"));
    let mut registry = Registry::default();
    registry.grant(record(token.id(), token.digest(), Role::Join), Earlier::Keep);
    (registry, token)
}

fn certificate(node: &str, key: &str) -> NodeCertificate {
    NodeCertificate {
        cluster: ClusterId::MIN,
        node: name(node),
        key: Digest::of(key),
        not_before: now(),
        not_after: in_an_hour(),
    }
}

#[track_caller]
fn assert_says(result: Result<impl std::fmt::Debug, Refusal>, words: &str) {
    let sentence = result.unwrap_err().to_string();
    assert!(sentence.contains(words), "{words:?} is not in {sentence:?}");
}

#[test]
fn a_token_lets_one_worker_in_and_is_used_up() {
    let (mut registry, token) = inviting();
    assert_eq!(registry.join(&token, &name("box-1"), Digest::of("1"), Name::Free, now()), Ok(()));
    assert_says(
        registry.join(&token, &name("box-2"), Digest::of("2"), Name::Free, now()),
        "as often as it may",
    );
    assert_eq!(registry.admission(&name("box-2")), None);
}

#[test]
fn a_worker_whose_answer_was_lost_asks_again_and_that_is_no_further_use() {
    let (mut registry, token) = inviting();
    for _ in 0..3 {
        assert_eq!(registry.join(&token, &name("box-1"), Digest::of("1"), Name::Taken, now()), Err(Refusal::NameTaken(
            "Another worker is in this cluster as box-1: give this one a name of its own with --name, or first take the \
             other one out with `orc node rm box-1`".to_owned(),
        )));
    }
    for name_is in [Name::Free, Name::Taken, Name::Taken] {
        assert_eq!(registry.join(&token, &name("box-1"), Digest::of("1"), name_is, now()), Ok(()));
    }
}

#[test]
fn a_token_that_is_wrong_expired_or_void_lets_nobody_in() {
    let (mut registry, token) = inviting();
    let mut join =
        |token: &JoinToken, at| registry.join(token, &name("box-1"), Digest::of("1"), Name::Free, at);
    assert_says(join(&JoinToken::generate(token.pin), now()), "none of this cluster's");
    assert_says(join(&token, in_an_hour()), "expired at");
    registry.revoke(&token.id(), now()).unwrap();
    assert_says(registry.join(&token, &name("box-1"), Digest::of("1"), Name::Free, now()), "made void");
    assert!(registry.admission(&name("box-1")).is_none());
}

#[test]
fn a_rotation_makes_earlier_tokens_of_its_role_void_and_no_others() {
    let (mut registry, earlier) = inviting();
    let api = ApiToken::generate();
    registry.grant(record(api.id(), api.digest(), Role::Admin), Earlier::Keep);
    registry.take_dirty();
    let token = JoinToken::generate(earlier.pin);
    registry.grant(record(token.id(), token.digest(), Role::Join), Earlier::Void);
    assert_eq!(registry.take_dirty().tokens, [earlier.id(), token.id()].into());
    assert_says(registry.join(&earlier, &name("box-1"), Digest::of("1"), Name::Free, now()), "made void");
    assert_eq!(registry.join(&token, &name("box-1"), Digest::of("1"), Name::Free, now()), Ok(()));
    assert_eq!(registry.bearer(&api, now()), Ok(Role::Admin));
}

#[test]
fn a_name_is_its_workers_until_the_node_is_taken_out() {
    let (mut registry, token) = inviting();
    registry.join(&token, &name("box-1"), Digest::of("1"), Name::Free, now()).unwrap();
    let (mut other, second) = inviting();
    registry.grant(other.tokens.pop_first().unwrap().1, Earlier::Keep);
    assert_says(
        registry.join(&second, &name("box-1"), Digest::of("2"), Name::Free, now()),
        "orc node rm box-1",
    );
    assert_eq!(registry.check(&certificate("box-1", "1"), now()), Ok(()));

    registry.remove(&name("box-1"), now());
    assert_says(registry.check(&certificate("box-1", "1"), now()), "taken out");
    assert_eq!(registry.join(&second, &name("box-1"), Digest::of("2"), Name::Free, now()), Ok(()));
    assert_eq!(registry.check(&certificate("box-1", "2"), now()), Ok(()));
    assert_says(registry.check(&certificate("box-1", "1"), now()), "Another worker has joined as box-1");
}

#[test]
fn a_certificate_counts_to_its_end_and_without_a_record_of_its_node() {
    let registry = Registry::default();
    assert_eq!(registry.check(&certificate("box-1", "1"), in_an_hour()), Ok(()));
    let after = in_an_hour().after(Duration::from_millis(1));
    assert_says(registry.check(&certificate("box-1", "1"), after), "this manager's clock says");
}

#[test]
fn a_bearer_is_known_by_the_whole_token_and_never_by_one_for_joining() {
    let (mut registry, join) = inviting();
    let api = ApiToken::generate();
    registry.grant(record(api.id(), api.digest(), Role::Read), Earlier::Keep);
    assert_eq!(registry.bearer(&api, now()), Ok(Role::Read));
    assert_says(registry.bearer(&api, in_an_hour()), "expired");
    assert_says(registry.bearer(&ApiToken::generate(), now()), "none of this cluster's");
    // Even under the identifier of another.
    registry.grant(record(api.id(), Digest::of("another secret"), Role::Admin), Earlier::Keep);
    assert_says(registry.bearer(&api, now()), "none of this cluster's");
    registry.grant(record(api.id(), api.digest(), Role::Join), Earlier::Keep);
    assert_says(registry.bearer(&api, now()), "none of this cluster's");
    assert_says(registry.revoke("nothing", now()), "`orc token ls`");
    assert!(registry.token(&join.id()).is_some());
}
