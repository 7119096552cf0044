//! Over a real socket: what a function call cannot show.

use shouyin_server::{ServeError, Server, bind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::World;

#[tokio::test]
async fn requests_in_flight_are_finished_before_the_end() {
    let world = World::new().await;
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(
        Server::build(world.parts.clone()).serve(listener, async move {
            stopped.await.unwrap();
        }),
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let mut head = [0; 15];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    // Half a request, then the stop signal, then the other half.
    let mut late = TcpStream::connect(address).await.unwrap();
    let body = r#"{"appid":"wx1111222233334444","code":"alice-1"}"#;
    let request = format!(
        "POST /mp/v1/login HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    late.write_all(request.as_bytes()).await.unwrap();
    // The server has read the head once it waits for the body; a second connection shows that it runs.
    let mut other = TcpStream::connect(address).await.unwrap();
    other
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    other.read_to_string(&mut text).await.unwrap();
    stop.send(()).unwrap();
    late.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    late.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.contains("session_token"),
        "{answer}"
    );
    running.await.unwrap();
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test]
async fn a_taken_port_is_one_line_that_says_so() {
    let first = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = first.local_addr().unwrap();
    let error = bind(address).await.unwrap_err();
    assert!(matches!(error, ServeError::PortTaken { .. }));
    let text = error.to_string();
    assert!(
        text.contains(&address.to_string()) && text.contains("taken") && !text.contains('\n'),
        "{text}"
    );
}

#[tokio::test]
async fn a_data_dir_that_cannot_be_used_is_one_line_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = shouyin_server::open_store(&file.join("data"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("data_dir") && error.contains("SHOUYIN_DATA_DIR") && !error.contains('\n'),
        "{error}"
    );
    let good = folder.path().join("new/data");
    let _store = shouyin_server::open_store(&good).unwrap();
    assert!(good.join("shouyin.db").exists());
    let twice = shouyin_server::open_store(&good).unwrap_err().to_string();
    assert!(twice.contains("in use") && !twice.contains('\n'), "{twice}");
}
