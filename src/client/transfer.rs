//! Bodies that come or go in pieces and take as long as they take.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method, Response};
use serde::de::DeserializeOwned;

use super::{Client, ClientError};

impl Client {
    /// `GET` whose answer begins within `deadline` and comes in pieces, without an end of its own. Dropping
    /// the stream ends it.
    pub async fn stream(
        &self,
        path: &str,
        deadline: Duration,
    ) -> Result<impl Stream<Item = Result<Bytes, ClientError>> + Send + use<>, ClientError> {
        self.download(path, deadline).await.map(|(_, pieces)| pieces)
    }

    /// The same with the headers of the answer.
    pub async fn download(
        &self,
        path: &str,
        deadline: Duration,
    ) -> Result<(HeaderMap, impl Stream<Item = Result<Bytes, ClientError>> + Send + use<>), ClientError> {
        let request = self.request(Method::GET, path, Full::default().boxed_unsync())?;
        let asking = async { self.admit(self.ask(&self.pools.questions, request).await?).await };
        let client = self.clone();
        let (head, body) = self.within(deadline, asking).await?.into_parts();
        let pieces = body.into_data_stream();
        Ok((head.headers, pieces.map(move |piece| piece.map_err(|error| client.broke_off(&error)))))
    }

    /// `POST` of a body that comes in pieces and takes as long as it takes, until the server has answered.
    /// Dropping the future breaks it off.
    pub async fn upload(
        &self,
        path: &str,
        pieces: impl Stream<Item = Bytes> + Send + 'static,
    ) -> Result<(), ClientError> {
        self.send_pieces(Method::POST, path, None, pieces).await.map(drop)
    }

    /// The same by `PUT` and with a type; what the server answers.
    pub async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        content_type: &'static str,
        pieces: impl Stream<Item = Bytes> + Send + 'static,
    ) -> Result<T, ClientError> {
        let response = self.send_pieces(Method::PUT, path, Some(content_type), pieces).await?;
        self.decode(&self.collect(response).await?)
    }

    async fn send_pieces(
        &self,
        method: Method,
        path: &str,
        content_type: Option<&'static str>,
        pieces: impl Stream<Item = Bytes> + Send + 'static,
    ) -> Result<Response<Incoming>, ClientError> {
        let frames = pieces.map(|piece| Ok(Frame::data(piece)));
        let mut request = self.request(method, path, StreamBody::new(frames).boxed_unsync())?;
        if let Some(content_type) = content_type {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        self.admit(self.ask(&self.pools.outputs, request).await?).await
    }
}
