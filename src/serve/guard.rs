//! Keeps web pages out: a browser on this machine must not become a stranger's hand.
//!
//! There is no password on loopback, so whatever a browser can be talked into sending would be obeyed. A page
//! that resolves its own name to 127.0.0.1 (DNS rebinding) gives itself away by `Host`; one that posts across
//! origins by `Origin` or `Sec-Fetch-Site`. Programs such as `curl` send neither of the latter two.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{ApiError, Peer};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Who may be addressed here, and by whom.
#[derive(Debug, Clone)]
pub struct Guard {
    host: String,
}

/// Lets a request pass, or answers it.
pub async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let admitted = match request.extensions().get::<Peer>() {
        Some(Peer::Elsewhere) => Err(plain_from_elsewhere()),
        Some(Peer::Tls(_)) => Guard::admit_by_tls(request.headers()),
        Some(Peer::Local) | None => guard.admit(request.version(), request.uri(), request.headers()),
    };
    match admitted {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

impl Guard {
    /// Guards a server that listens on `host`.
    pub fn new(host: &str) -> Self {
        Self { host: host.to_owned() }
    }

    /// Refuses what a web page may have had a hand in.
    pub fn admit(&self, version: Version, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        let host = self.admit_host(version, uri, headers)?;
        refuse_pages(headers, host.as_ref())
    }

    /// The same for whoever speaks TLS. There nothing is obeyed without a certificate or a token, neither of which a web
    /// page has, so it does not matter under which name the server was found.
    pub fn admit_by_tls(headers: &HeaderMap) -> Result<(), ApiError> {
        let host = headers.get(HOST).map(authority).transpose()?;
        refuse_pages(headers, host.as_ref())
    }

    /// The host that the request is for, when that is this one; `None` when it says none, which no browser does.
    fn admit_host(
        &self,
        version: Version,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Option<Authority>, ApiError> {
        let mut hosts = headers.get_all(HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => Some(authority(host)?),
            (None, None) if version <= Version::HTTP_10 => None,
            _ => return Err(ApiError::bad_request("One header Host belongs in each request")),
        };
        // A request to a proxy has its host in the target, which wins over the header (RFC 9112, 3.2.2).
        for named in host.iter().chain(uri.authority()) {
            if !self.is_ours(named) {
                return Err(ApiError::forbidden(format!(
                    "This server is not {:?}: it is localhost, 127.0.0.1 or [::1], so that no web page can lead a \
                     browser here under a name of its own",
                    named.as_str().chars().take(100).collect::<String>()
                )));
            }
        }
        Ok(uri.authority().cloned().or(host))
    }

    fn is_ours(&self, authority: &Authority) -> bool {
        let host = authority.host();
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let loopback = bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let named = host.eq_ignore_ascii_case("localhost") || bare.eq_ignore_ascii_case(&self.host);
        (loopback || named) && !authority.as_str().contains('@')
    }
}

/// Refuses what a page of another site than `host` sends.
fn refuse_pages(headers: &HeaderMap, host: Option<&Authority>) -> Result<(), ApiError> {
    for origin in headers.get_all(ORIGIN) {
        if !is_same_origin(origin, host) {
            return Err(page(origin));
        }
    }
    for site in headers.get_all(SEC_FETCH_SITE) {
        if site != "same-origin" && site != "none" {
            return Err(page(site));
        }
    }
    Ok(())
}

fn plain_from_elsewhere() -> ApiError {
    ApiError::forbidden(
        "From another machine this server is spoken with by TLS only: write https:// instead of http://. A worker joins \
         with the line that `orc node token` prints on the manager's host",
    )
}

fn authority(host: &HeaderValue) -> Result<Authority, ApiError> {
    Authority::try_from(host.as_bytes()).map_err(|_| {
        ApiError::bad_request("The header Host is not a host with or without a port, such as localhost:8000")
    })
}

/// Whether a page at `origin` came from `host` itself.
fn is_same_origin(origin: &HeaderValue, host: Option<&Authority>) -> bool {
    let origin = origin.to_str().unwrap_or_default();
    let site = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    site.zip(host).is_some_and(|(site, host)| site.eq_ignore_ascii_case(host.as_str()))
}

fn page(header: &HeaderValue) -> ApiError {
    let shown: String = String::from_utf8_lossy(header.as_bytes()).chars().take(100).collect();
    ApiError::forbidden(format!(
        "This request comes from a web page of another site ({shown}), and none may use this API; a program such as \
         curl may"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The status that a request with these headers gets from a server on `localhost`.
    fn status(headers: &[(&str, &str)]) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        let result = Guard::new("localhost").admit(Version::HTTP_11, &Uri::from_static("/tasks"), &map);
        result.map_or_else(|error| error.status().as_u16(), |()| 200)
    }

    #[test]
    fn only_loopback_names_and_addresses_are_ours() {
        for (host, expected) in [
            ("localhost", 200),
            ("localhost:8000", 200),
            ("LOCALHOST:1", 200),
            ("127.0.0.1:8000", 200),
            ("127.8.8.8", 200),
            ("[::1]:8000", 200),
            ("evil.example", 403),
            ("evil.example:8000", 403),
            ("localhost.evil.example", 403),
            ("127.0.0.1.evil.example", 403),
            ("localhost@evil.example", 403),
            ("evil.example@localhost", 403),
            ("0.0.0.0:8000", 403),
            ("[::]:8000", 403),
            ("192.168.0.1", 403),
            ("2130706433", 403),
            ("localhost:8000:9", 400),
            ("local host", 400),
            ("", 400),
        ] {
            assert_eq!(status(&[("host", host)]), expected, "{host:?}");
        }
    }

    #[test]
    fn a_page_of_another_site_is_refused() {
        for (name, value, expected) in [
            ("origin", "http://localhost:8000", 200),
            ("origin", "http://localhost:3000", 403),
            ("origin", "http://127.0.0.1:8000", 403),
            ("origin", "https://evil.example", 403),
            ("origin", "null", 403),
            ("origin", "", 403),
            ("sec-fetch-site", "same-origin", 200),
            ("sec-fetch-site", "none", 200),
            ("sec-fetch-site", "same-site", 403),
            ("sec-fetch-site", "cross-site", 403),
        ] {
            assert_eq!(status(&[("host", "localhost:8000"), (name, value)]), expected, "{name}: {value}");
        }
        let two = [
            ("host", "localhost:8000"),
            ("origin", "http://localhost:8000"),
            ("origin", "http://evil.example"),
        ];
        assert_eq!(status(&two), 403);
    }

    #[test]
    fn a_request_says_once_which_host_it_is_for() {
        assert_eq!(status(&[]), 400);
        assert_eq!(status(&[("host", "localhost"), ("host", "localhost")]), 400);
        let old = Guard::new("localhost").admit(Version::HTTP_10, &Uri::from_static("/"), &HeaderMap::new());
        assert_eq!(old, Ok(()), "HTTP/1.0 knows no Host, and no browser speaks it");
    }

    #[test]
    fn the_host_in_the_target_counts_too() {
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("localhost"))]);
        let admit = |uri: &'static str| {
            Guard::new("localhost").admit(Version::HTTP_11, &Uri::from_static(uri), &headers)
        };
        assert_eq!(admit("http://localhost:8000/tasks"), Ok(()));
        assert!(admit("http://evil.example/tasks").is_err());
    }
}
