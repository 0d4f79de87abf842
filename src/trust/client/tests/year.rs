//! C03: a year in the life of a cluster's certificates, with the clock in the test's hand.

use super::*;
use crate::trust::authority::CERTIFY_EVERY;

const HOUR: Duration = Duration::from_hours(1);

/// A worker looks so often whether it is time to renew: a tenth of how often it does.
const LOOK_EVERY: Duration = Duration::from_mins(10);

/// A manager is away for so long at a time: a certificate is renewed early enough for that.
const AWAY: Duration = Duration::from_hours(4);

/// Whether the manager is away at this hour: a while of each day and a half, so that it is another time of day each time.
fn is_away(since: Duration) -> bool {
    Duration::from_secs(since.as_secs() % (36 * HOUR).as_secs()) < AWAY
}

/// Whether a worker takes these for the certificates of its manager, by a clock that shows this.
fn believes(worker: &Identity, shown: &[CertificateDer<'_>], now: Timestamp) -> Result<(), Error> {
    let algorithms = provider().signature_verification_algorithms;
    let verifier = Servers { believed: Believed::Authority(worker.authority.clone()), algorithms };
    let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.millis() / 1_000).unwrap()));
    let name = ServerName::try_from("localhost").unwrap();
    verifier.verify_server_cert(&shown[0], &shown[1..], &name, &[], now).map(drop)
}

#[test]
fn a_year_passes_in_which_no_certificate_ends_before_the_next_although_the_manager_is_away_now_and_then() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let begin = Timestamp::from_millis(1_795_332_379_000);
    let authority = Arc::new(Authority::create(there.path(), ClusterId::generate(), begin).unwrap());
    let names = ["localhost".to_owned()];
    let door = Door::new(authority.clone(), &names, begin).unwrap();
    let mut manager = authority.sign_server(&names, begin).unwrap().chain;
    let sign = |csr: &str, now| {
        let request = SigningRequest::read(csr).unwrap();
        authority.sign_node(&request, &"box-1".parse().unwrap(), now).unwrap()
    };
    let first = sign(&identity::first_request(here.path()).unwrap(), begin);
    let mut worker = Identity::keep(here.path(), "https://a:1", &first, authority.pem()).unwrap();
    let (mut renewals, mut certified_at) = (0, begin);
    let mut since = Duration::ZERO;
    while since < 365 * 24 * HOUR {
        let now = begin.after(since);
        let away = is_away(since);
        if !away && now >= worker.renew_at() {
            worker = worker.renewed(&sign(&worker.signing_request().unwrap(), now), authority.pem()).unwrap();
            renewals += 1;
        }
        if certified_at.until(now) >= CERTIFY_EVERY && !away {
            manager = authority.sign_server(&names, now).unwrap().chain;
            certified_at = now;
        }
        if since.as_secs().is_multiple_of(HOUR.as_secs()) {
            let shown = worker.certified_key().unwrap();
            assert_eq!(
                door.judge(&shown.cert, now),
                Visitor::Node(worker.node.clone(), authority.pin()),
                "{now}"
            );
            assert_eq!(believes(&worker, &manager, now), Ok(()), "{now}");
        }
        since += LOOK_EVERY;
    }
    // Of 25 hours, 50 to 80 %, and a while in which the manager was away.
    assert!((365 * 24 / 24..=365 * 24 / 11).contains(&renewals), "{renewals}");
}
