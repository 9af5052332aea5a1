use super::{Fault, LARGEST_READ, Line};
use crate::proxy::body::Body;
use crate::proxy::incoming::USUAL;
use crate::stream::Stream;
use http::{Method, Request, Response};
use std::future::poll_fn;
use std::task::{Context, Waker};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

fn opened() -> (Box<Line>, UnixStream) {
    let (own, app) = UnixStream::pair().unwrap();
    (Line::open(Stream::Unix(own)), app)
}

fn request(method: Method, body: Body) -> Request<Body> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = "/a%2Fb?c=%zz".parse().unwrap();
    for (name, value) in [("host", "app.test:80"), ("cookie", "a=1; b=2"), ("cookie", "c=3"), ("x-none", "")]
    {
        request.headers_mut().append(name, value.parse().unwrap());
    }
    request
}

const HEAD: &str =
    "/a%2Fb?c=%zz HTTP/1.1\r\nHost: app.test:80\r\nCookie: a=1; b=2\r\nCookie: c=3\r\nX-None: \r\n";

async fn head(line: &mut Line) -> Result<Response<()>, Fault> {
    poll_fn(|cx| line.poll_head(cx)).await
}

/// All of the body, or the text of what went wrong.
async fn body(line: &mut Line) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(piece) = poll_fn(|cx| line.poll_piece(cx)).await {
        body.extend(piece.map_err(|fault| format!("{fault:?}"))?.into_data().unwrap_or_default());
    }
    Ok(body)
}

/// What the app reads until nothing comes for now.
async fn heard(app: &mut UnixStream) -> String {
    let mut said = vec![0; 1 << 20];
    let read = app.read(&mut said).await.unwrap();
    said.truncate(read);
    String::from_utf8(said).unwrap()
}

#[tokio::test]
async fn what_was_sent_in_vain_goes_again_byte_for_byte() {
    let ((mut dead, mut app), (mut fresh, mut other)) = (opened(), opened());
    dead.begin(request(Method::OPTIONS, Body::empty()));
    let failed = tokio::spawn(async move {
        let fault = head(&mut dead).await.unwrap_err();
        (fault, dead)
    });
    assert_eq!(heard(&mut app).await, format!("OPTIONS {HEAD}\r\n"));
    drop(app);
    let (fault, dead) = failed.await.unwrap();
    assert!(dead.may_go_again(&fault, true) && !dead.may_go_again(&fault, false), "{fault:?}");
    fresh.begin_again(*dead);
    other.write_all(b"HTTP/1.1 204 Fine\r\n\r\n").await.unwrap();
    assert_eq!(head(&mut fresh).await.unwrap().status().as_u16(), 204);
    assert_eq!(heard(&mut other).await, format!("OPTIONS {HEAD}\r\n"));
    assert!(fresh.is_idle());
}

#[tokio::test]
async fn what_was_not_sent_at_all_goes_again_with_its_body() {
    let ((mut dead, app), (mut fresh, mut other)) = (opened(), opened());
    drop(app);
    dead.begin(request(Method::POST, Body::full("hello")));
    let fault = head(&mut dead).await.unwrap_err();
    assert!(matches!(fault, Fault::Unsent(_)) && dead.may_go_again(&fault, false), "{fault:?}");
    fresh.begin_again(*dead);
    other.write_all(b"HTTP/1.1 204 Fine\r\n\r\n").await.unwrap();
    assert!(head(&mut fresh).await.is_ok());
    assert_eq!(heard(&mut other).await, format!("POST {HEAD}Content-Length: 5\r\n\r\nhello"));
}

#[tokio::test]
async fn what_comes_before_a_word_was_said_is_no_answer() {
    for said in ["", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"] {
        let (own, mut app) = UnixStream::pair().unwrap();
        own.writable().await.unwrap();
        while own.try_write(&[b'x'; 4096]).is_ok() {}
        let mut line = Line::open(Stream::Unix(own));
        line.begin(request(Method::POST, Body::full("hello")));
        assert!(line.poll_head(&mut Context::from_waker(Waker::noop())).is_pending());
        app.write_all(said.as_bytes()).await.unwrap();
        app.shutdown().await.unwrap();
        let fault = head(&mut line).await.unwrap_err();
        assert!(matches!(fault, Fault::Unsent(_)) && line.may_go_again(&fault, false), "{fault:?}");
    }
}

#[tokio::test]
async fn nothing_goes_again_of_which_a_part_was_answered() {
    for said in ["H", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nX"] {
        let (mut line, mut app) = opened();
        line.begin(request(Method::GET, Body::empty()));
        app.write_all(said.as_bytes()).await.unwrap();
        app.shutdown().await.unwrap();
        let fault = head(&mut line).await.unwrap_err();
        assert!(matches!(fault, Fault::Closed) && !line.may_go_again(&fault, true), "{said:?}: {fault:?}");
    }
}

/// It has said what it has to say, and gone without taking the request.
#[tokio::test]
async fn who_takes_no_more_may_have_answered() {
    let (mut line, mut app) = opened();
    line.begin(request(Method::POST, Body::full(vec![b'x'; 8 << 20])));
    app.write_all(b"HTTP/1.1 413 Large\r\nContent-Length: 5\r\n\r\nlarge").await.unwrap();
    // As much as fits, before the app is gone.
    assert!(line.poll_upload(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(app);
    assert_eq!(head(&mut line).await.unwrap().status().as_u16(), 413);
    assert_eq!(body(&mut line).await.unwrap(), b"large");
    assert!(!line.is_uploading() && !line.is_idle());
}

#[tokio::test]
async fn nobody_switches_before_all_was_said() {
    let (mut line, mut app) = opened();
    line.begin(request(Method::POST, Body::full(vec![b'x'; 8 << 20])));
    app.write_all(b"HTTP/1.1 101 Switching\r\n\r\n").await.unwrap();
    assert!(matches!(head(&mut line).await, Err(Fault::Head(_))));
    for said in ["", "hello"] {
        let (mut line, mut app) = opened();
        line.begin(request(Method::GET, Body::empty()));
        app.write_all(format!("HTTP/1.1 101 Switching\r\n\r\n{said}").as_bytes()).await.unwrap();
        assert_eq!(head(&mut line).await.unwrap().status().as_u16(), 101);
        assert!(!line.is_idle());
        assert_eq!(line.switched().1, said);
    }
}

#[tokio::test]
async fn a_connection_lasts_where_both_agree_on_its_last_byte() {
    let cut = "Body(CutOff)";
    for (method, said, expected, lasts) in [
        (Method::GET, "1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Ok("ok"), true),
        (Method::GET, "1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\r\n", Ok("ok"), false),
        (Method::GET, "1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", Err(cut), false),
        (Method::GET, "1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", Ok("ok"), false),
        (Method::GET, "1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", Ok("ok"), false),
        (Method::GET, "1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok", Ok("ok"), true),
        (Method::GET, "1.1 200 OK\r\n\r\nok", Ok("ok"), false),
        (Method::GET, "1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", Ok("ok"), true),
        (Method::GET, "1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", Err(cut), false),
        (Method::GET, "1.1 204 None\r\nContent-Length: 2\r\n\r\n", Ok(""), true),
        (Method::GET, "1.1 304 Same\r\nContent-Length: 2\r\n\r\nok", Ok(""), false),
        (Method::HEAD, "1.1 200 OK\r\nContent-Length: 2\r\n\r\n", Ok(""), true),
        (Method::HEAD, "1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Ok(""), false),
    ] {
        let (mut line, mut app) = opened();
        line.begin(request(method.clone(), Body::empty()));
        app.write_all(format!("HTTP/{said}").as_bytes()).await.unwrap();
        // Otherwise it is not the end that keeps it from lasting.
        if expected.is_err() || said.ends_with("OK\r\n\r\nok") {
            app.shutdown().await.unwrap();
        }
        head(&mut line).await.unwrap();
        let expected = expected.map(|body| body.as_bytes().to_vec()).map_err(str::to_owned);
        assert_eq!(body(&mut line).await, expected, "{method} {said}");
        assert_eq!(line.is_idle(), lasts, "{method} {said}");
    }
}

#[tokio::test]
async fn whatever_comes_on_a_connection_at_rest_ends_it() {
    for said in ["", "H", "\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"] {
        let (mut line, mut app) = opened();
        assert!(line.is_idle());
        app.write_all(said.as_bytes()).await.unwrap();
        app.shutdown().await.unwrap();
        poll_fn(|cx| line.poll_end(cx)).await;
        assert!(!line.is_idle(), "{said:?}");
    }
}

/// As large as a length can be, which nobody has room for.
#[tokio::test]
async fn a_length_is_no_size() {
    let (mut line, mut app) = opened();
    line.begin(request(Method::GET, Body::empty()));
    line.read.next = LARGEST_READ;
    app.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", u64::MAX).as_bytes())
        .await
        .unwrap();
    head(&mut line).await.unwrap();
    assert_eq!((line.left(), line.read.size(line.left())), (Some(u64::MAX), LARGEST_READ));
    heard(&mut app).await;
    app.write_all(b"some").await.unwrap();
    drop(app);
    assert_eq!(body(&mut line).await, Err("Body(CutOff)".to_owned()));
}

#[tokio::test]
async fn a_connection_at_rest_holds_little() {
    for said in ["HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"] {
        let (mut line, mut app) = opened();
        line.begin(request(Method::GET, Body::empty()));
        let said = [said.as_bytes(), &vec![b'x'; 1_000_000]].concat();
        let says = tokio::spawn(async move {
            app.write_all(&said).await.unwrap();
            app.shutdown().await.unwrap();
            app
        });
        head(&mut line).await.unwrap();
        assert_eq!(body(&mut line).await.unwrap().len(), 1_000_000);
        drop(says.await.unwrap());
        assert!(line.read.roomy && line.read.next > USUAL && line.read.next <= LARGEST_READ);
        line.rest();
        assert!(line.read.bytes.capacity() <= USUAL && line.read.next == USUAL);
    }
}
