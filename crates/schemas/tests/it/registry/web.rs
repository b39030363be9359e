//! An HTTP server that answers what a test tells it to, byte for byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A question as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `GET /schemas/ids/7`
    pub(crate) line: String,
    /// The headers, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// What is written to the connection.
pub(crate) enum Answer {
    /// These bytes; then the connection is closed.
    Bytes(Vec<u8>),
    /// Nothing, for as long as anybody waits.
    Silence,
}

/// A running server.
pub(crate) struct Web {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    tls: bool,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Web {
    /// Starts one; `answer` is given the question and how many came before it.
    pub(crate) async fn start(
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let web = Self {
            address: listener.local_addr().unwrap(),
            asked: Arc::default(),
            tls: tls.is_some(),
        };
        let asked = Arc::clone(&web.asked);
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, asked, answer) = (tls.clone(), Arc::clone(&asked), Arc::clone(&answer));
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &asked, &*answer).await,
                        // A client that does not trust us breaks off.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &asked, &*answer).await;
                            }
                        }
                    }
                });
            }
        });
        web
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://localhost:{}", self.address.port())
    }

    /// Every question so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The first lines of every question so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    asked: &Mutex<Vec<Asked>>,
    answer: &(dyn Fn(&Asked, usize) -> Answer + Send + Sync),
) {
    let Some(question) = read(&mut stream).await else {
        return;
    };
    let before = {
        let mut all = asked.lock().unwrap();
        all.push(question.clone());
        all.len() - 1
    };
    match answer(&question, before) {
        Answer::Bytes(bytes) => {
            // A client that has seen enough closes first.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Answer::Silence => std::future::pending().await,
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        let mut part = [0; 4096];
        let length = stream.read(&mut part).await.ok().filter(|length| *length > 0)?;
        bytes.extend_from_slice(&part[..length]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse::<usize>().unwrap());
    let mut body = bytes.split_off(end);
    let mut rest = vec![0; length - body.len()];
    stream.read_exact(&mut rest).await.ok()?;
    body.extend_from_slice(&rest);
    Some(Asked {
        line,
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}

/// An answer of a registry.
pub(crate) fn json(status: u16, body: &str) -> Answer {
    with(
        status,
        "Content-Type: application/vnd.schemaregistry.v1+json",
        body,
    )
}

/// An answer with a header of its own.
pub(crate) fn with(status: u16, header: &str, body: &str) -> Answer {
    let length = body.len();
    Answer::Bytes(
        format!("HTTP/1.1 {status} Word\r\n{header}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
            .into_bytes(),
    )
}
