//! What can go wrong between a client and a stream.

use std::panic;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request as HttpRequest, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

type Decide = Box<dyn FnMut(&Request) -> Fault + Send>;
pub(crate) type Injector = Arc<Mutex<Option<Decide>>>;

/// A request, as the injector sees it.
#[derive(Debug)]
pub struct Request {
    /// `PutRecords`, for example.
    pub operation: String,
    /// The JSON that was sent.
    pub body: Value,
}

/// What to do with a request.
pub enum Fault {
    /// It goes through.
    None,
    /// It goes through; its answer of 200 is changed.
    Rewrite(Box<dyn FnOnce(Value) -> Value + Send>),
    /// It goes through; the answer is these bytes, with status 200.
    Garble(Vec<u8>),
    /// The same, after this time.
    DelayedGarble(Duration, Vec<u8>),
    /// It is answered with an error of the service.
    Error(u16, &'static str, &'static str),
    /// It waits, and then goes through.
    Delay(Duration),
    /// It goes through; its answer waits.
    DelayAnswer(Duration),
    /// The connection is cut before anything is stored.
    CutBefore,
    /// The connection is cut after all was stored, without an answer.
    CutAfter,
    /// These records of a PutRecords are left out and answered with this code.
    Refuse(Vec<usize>, &'static str),
}

/// Ends this connection: the server's task for it dies, quietly.
fn cut() -> ! {
    panic::resume_unwind(Box::new("the connection is cut"))
}

pub(crate) async fn inject(
    State(injector): State<Injector>,
    request: HttpRequest,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let target = parts.headers.get("x-amz-target");
    let operation = target.and_then(|target| target.to_str().ok()?.split('.').nth(1));
    let operation = operation.unwrap_or_default().to_owned();
    let Ok(bytes) = axum::body::to_bytes(body, 64 << 20).await else {
        cut();
    };
    let fault = decide(&injector, operation, &bytes);
    let rebuild = |bytes: Bytes| HttpRequest::from_parts(parts, Body::from(bytes));
    match fault {
        Fault::None => next.run(rebuild(bytes)).await,
        Fault::Rewrite(change) => rewrite(next.run(rebuild(bytes)).await, change).await,
        Fault::Garble(answer) => {
            next.run(rebuild(bytes)).await;
            answer.into_response()
        }
        Fault::DelayedGarble(time, answer) => {
            tokio::time::sleep(time).await;
            answer.into_response()
        }
        Fault::Error(status, code, message) => error(status, code, message),
        Fault::Delay(time) => {
            tokio::time::sleep(time).await;
            next.run(rebuild(bytes)).await
        }
        Fault::DelayAnswer(time) => {
            let answer = next.run(rebuild(bytes)).await;
            tokio::time::sleep(time).await;
            answer
        }
        Fault::CutBefore => cut(),
        Fault::CutAfter => {
            next.run(rebuild(bytes)).await;
            cut()
        }
        Fault::Refuse(refused, code) => {
            let (kept, count) = without(&bytes, &refused);
            if refused.len() == count {
                return answer_refused(count, code);
            }
            let answer = next.run(rebuild(kept)).await;
            let put_in = move |answer| with_refused(answer, &refused, code);
            rewrite(answer, Box::new(put_in)).await
        }
    }
}

fn decide(injector: &Injector, operation: String, body: &[u8]) -> Fault {
    match injector.lock().expect("no panic").as_mut() {
        None => Fault::None,
        Some(decide) => decide(&Request {
            operation,
            body: serde_json::from_slice(body).unwrap_or_default(),
        }),
    }
}

fn error(status: u16, code: &str, message: &str) -> Response {
    let body = json!({"__type": code, "message": message}).to_string();
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [("x-amzn-errortype", code.to_owned())], body).into_response()
}

async fn rewrite(answer: Response, change: Box<dyn FnOnce(Value) -> Value + Send>) -> Response {
    let (mut parts, body) = answer.into_parts();
    let bytes = axum::body::to_bytes(body, 64 << 20).await.expect("a body");
    let changed = change(serde_json::from_slice(&bytes).expect("JSON")).to_string();
    parts
        .headers
        .insert("content-length", HeaderValue::from(changed.len()));
    Response::from_parts(parts, Body::from(changed))
}

/// The request without these records, and how many it had.
fn without(body: &[u8], refused: &[usize]) -> (Bytes, usize) {
    let mut request: Value = serde_json::from_slice(body).expect("JSON");
    let records = request["Records"].as_array_mut().expect("records");
    let count = records.len();
    let mut position = 0;
    records.retain(|_| {
        position += 1;
        !refused.contains(&(position - 1))
    });
    (request.to_string().into(), count)
}

fn refusal(code: &str) -> Value {
    json!({"ErrorCode": code, "ErrorMessage": "injected"})
}

fn answer_refused(count: usize, code: &str) -> Response {
    let results = vec![refusal(code); count];
    let answer = json!({"FailedRecordCount": count, "Records": results});
    answer.to_string().into_response()
}

fn with_refused(mut answer: Value, refused: &[usize], code: &str) -> Value {
    if let Some(results) = answer["Records"].as_array_mut() {
        for &position in refused {
            results.insert(position, refusal(code));
        }
    }
    answer["FailedRecordCount"] = refused.len().into();
    answer
}
