//! Where a server may be: the place that let the last connection in, and the others for when it does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::Uri;

use super::InvalidBase;

/// The URLs at which one server may be. Clones share which of them is in use.
#[derive(Debug, Clone)]
pub(super) struct Places(Arc<Known>);

#[derive(Debug)]
struct Known {
    /// Each with its URL as text, without a slash at its end. There is one at least.
    places: Vec<(String, Uri)>,
    in_use: AtomicUsize,
}

impl Places {
    /// Reads URLs that are separated by commas, each with or without its scheme; all have the same.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidBase> {
        let places = text.split(',').map(parse_one).collect::<Result<Vec<_>, _>>()?;
        let scheme = places.first().and_then(|(_, uri)| uri.scheme());
        if let Some((other, _)) = places.iter().find(|(_, uri)| uri.scheme() != scheme) {
            return Err(InvalidBase(other.clone()));
        }
        Ok(Self(Arc::new(Known { places, in_use: AtomicUsize::new(0) })))
    }

    /// The URL of the first.
    pub(super) fn first(&self) -> &str {
        self.0.places.first().map_or("", |(url, _)| url)
    }

    /// All of them as one text, as it is read again.
    pub(super) fn text(&self) -> String {
        let urls: Vec<&str> = self.0.places.iter().map(|(url, _)| url.as_str()).collect();
        urls.join(",")
    }

    /// Whether there is more than one.
    pub(super) fn are_several(&self) -> bool {
        self.0.places.len() > 1
    }

    /// Each once, the one in use first, with its number.
    pub(super) fn in_turn(&self) -> impl Iterator<Item = (usize, Uri)> + use<> {
        let (known, begin) = (self.0.clone(), self.0.in_use.load(Ordering::Relaxed));
        let count = known.places.len();
        (begin..begin + count).map(move |number| (number % count, known.places[number % count].1.clone()))
    }

    /// Notes what comes of an attempt at the place with this number.
    pub(super) fn attempt(&self, number: usize) -> Attempt {
        Attempt { known: self.0.clone(), number, is_in: false }
    }
}

/// An attempt to get in. Whoever comes after one that came to nothing, also because nobody waited for it any longer, begins
/// with the next place.
#[must_use = "what is dropped has come to nothing"]
pub(super) struct Attempt {
    known: Arc<Known>,
    number: usize,
    is_in: bool,
}

impl Attempt {
    /// It came to something: whoever comes next begins here.
    pub(super) fn got_in(mut self) {
        self.is_in = true;
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.is_in {
            self.known.in_use.store(self.number, Ordering::Relaxed);
            return;
        }
        let next = (self.number + 1) % self.known.places.len();
        // Where others have gone on from there already, that stays.
        _ = self.known.in_use.compare_exchange(self.number, next, Ordering::Relaxed, Ordering::Relaxed);
    }
}

fn parse_one(text: &str) -> Result<(String, Uri), InvalidBase> {
    let (scheme, rest) = text.trim().split_once("://").unwrap_or(("http", text.trim()));
    let url = format!("{scheme}://{}", rest.trim_end_matches('/'));
    let is_right = |uri: &Uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
    };
    match url.parse::<Uri>() {
        Ok(uri) if is_right(&uri) => Ok((url, uri)),
        _ => Err(InvalidBase(url)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(places: &Places) -> Vec<String> {
        places.in_turn().map(|(_, uri)| uri.host().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn whoever_comes_next_begins_where_the_last_one_got_in() {
        let places = Places::parse("a:1, b:2/,http://c:3").unwrap();
        assert_eq!(
            (places.first(), places.text().as_str()),
            ("http://a:1", "http://a:1,http://b:2,http://c:3")
        );
        assert_eq!(hosts(&places), ["a", "b", "c"]);
        let (one, other) = (places.attempt(0), places.attempt(0));
        drop(one);
        assert_eq!(hosts(&places), ["b", "c", "a"]);
        drop(other);
        assert_eq!(hosts(&places), ["b", "c", "a"], "somebody has gone on from there already");
        places.attempt(2).got_in();
        assert_eq!(hosts(&places), ["c", "a", "b"]);
    }

    #[test]
    fn what_is_no_url_or_of_another_scheme_is_named() {
        for (text, wrong) in [("a:1,", "http://"), ("a:1,https://b:2", "https://b:2"), ("a b", "http://a b")]
        {
            assert_eq!(Places::parse(text).unwrap_err(), InvalidBase(wrong.to_owned()), "{text}");
        }
    }
}
