//! The HTTP endpoint of a capture: metrics, health, readiness and the account. A few fixed pages for a machine that asks;
//! each connection is answered once and closed.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::board::{Board, Notice};
use crate::sink::{account, metrics};

/// Where questions are answered.
#[derive(Debug)]
pub(super) struct Http {
    listener: TcpListener,
}

impl Http {
    /// Listens at an address.
    ///
    /// # Errors
    ///
    /// If the operating system does not let it.
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener })
    }

    /// Where it listens: where port 0 was asked for, at which one.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers one after the other until the board is closed. Several threads may serve at once.
    pub(super) fn serve(&self, board: &Board) {
        while !board.is_closed() {
            let mut waiting = [PollFd::new(&self.listener, PollFlags::IN)];
            if !matches!(poll(&mut waiting, Some(&TICK)), Ok(1..)) {
                continue;
            }
            // Another thread may have been faster, and who hangs up early gets no answer.
            if let Ok((stream, _)) = self.listener.accept() {
                let _ = converse(stream, board);
            }
        }
    }

    /// How many may be answered at once.
    pub(super) const SERVERS: usize = 4;
}

fn converse(mut stream: TcpStream, board: &Board) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = read(&mut stream)?;
    let answer = answer(&request, board);
    stream.write_all(&answer)
}

/// The head of a request: what comes in a few pieces and is not too long.
fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    for _ in 0..MOST_PIECES {
        let mut piece = [0; PIECE_BYTES];
        let length = stream.read(&mut piece)?;
        head.extend_from_slice(piece.get(..length).unwrap_or_default());
        if length == 0 || head.windows(4).any(|end| end == b"\r\n\r\n") {
            break;
        }
    }
    Ok(head)
}

fn answer(request: &[u8], board: &Board) -> Vec<u8> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut parsed = httparse::Request::new(&mut headers);
    let is_whole = parsed
        .parse(request)
        .is_ok_and(|status| status.is_complete());
    let (Some(method), Some(target), true) = (parsed.method, parsed.path, is_whole) else {
        return Page::text("400 Bad Request", "this is no request\n").bytes(true);
    };
    if !matches!(method, "GET" | "HEAD") {
        return Page::text("405 Method Not Allowed", "ask with GET\n").bytes(true);
    }
    let path = target.split('?').next().unwrap_or_default();
    page(path, board).bytes(method == "GET")
}

fn page(path: &str, board: &Board) -> Page {
    match path {
        "/metrics" => metrics_of(board),
        "/account" => account_of(board),
        "/healthz" => state(board.ask().is_up, HANGS),
        "/readyz" => readiness(&board.ask()),
        _ => Page::text("404 Not Found", "/metrics /account /healthz /readyz\n"),
    }
}

fn readiness(notice: &Notice) -> Page {
    let trouble = if notice.is_up { DEAF } else { HANGS };
    state(notice.is_ready(), trouble)
}

fn state(is_well: bool, trouble: &str) -> Page {
    if is_well {
        Page::text(OK, "ok\n")
    } else {
        Page::text(UNWELL, trouble)
    }
}

fn metrics_of(board: &Board) -> Page {
    let notice = board.ask();
    let (source, account) = (&notice.source, &notice.account);
    let text = metrics::write(source, account, &notice.told, notice.now, notice.is_up);
    Page {
        status: OK,
        kind: "text/plain; version=0.0.4; charset=utf-8",
        text: text.unwrap_or_default(),
    }
}

fn account_of(board: &Board) -> Page {
    let notice = board.ask();
    let json = account::json(&notice.source, &notice.account, notice.now);
    Page {
        status: if notice.is_up { OK } else { UNWELL },
        kind: "application/json",
        text: format!("{json}\n"),
    }
}

struct Page {
    status: &'static str,
    kind: &'static str,
    text: String,
}

impl Page {
    fn text(status: &'static str, text: &str) -> Self {
        Self {
            status,
            kind: "text/plain; charset=utf-8",
            text: text.to_owned(),
        }
    }

    /// The answer, with or without its text.
    fn bytes(&self, with_text: bool) -> Vec<u8> {
        let Self { status, kind, text } = self;
        let length = text.len();
        let allow = if status.starts_with("405") {
            "Allow: GET, HEAD\r\n"
        } else {
            ""
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{allow}\
             Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
        );
        let text = if with_text { text.as_str() } else { "" };
        [head.as_bytes(), text.as_bytes()].concat()
    }
}

const OK: &str = "200 OK";
const UNWELL: &str = "503 Service Unavailable";

const HANGS: &str = "a worker is gone or hangs\n";
const DEAF: &str = "nothing is listened to\n";

/// How often a thread that waits looks whether the capture is over.
const TICK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};

/// How long a piece of a request, or room for the answer, is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// A request comes in so many pieces at most.
const MOST_PIECES: usize = 8;
const PIECE_BYTES: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::beside;
    use crate::time::Timestamp;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A board whose capture answers, until it is closed.
    fn answered<T>(work: impl FnOnce(&Board) -> T) -> T {
        let audit = Arc::new(AtomicBool::new(false));
        let board = Board::new(Arc::clone(&audit));
        let answer = || {
            while !board.is_closed() {
                if audit.swap(false, Ordering::Relaxed) {
                    board.put_up(Notice {
                        now: Timestamp::from_parts(7, 0),
                        is_up: true,
                        ..Notice::default()
                    });
                }
                std::thread::yield_now();
            }
        };
        beside(1, answer, || {
            let done = work(&board);
            board.close();
            done
        })
    }

    #[test]
    fn each_question_has_its_answer() {
        let cases = [
            ("GET /metrics HTTP/1.1\r\n\r\n", "200 OK", "hopscope_up 1\n"),
            (
                "GET /metrics?a=b HTTP/1.0\r\nHost: x\r\n\r\n",
                "200 OK",
                "hopscope_clock_seconds 7\n",
            ),
            (
                "GET /account HTTP/1.1\r\n\r\n",
                "200 OK",
                "\"clock\":\"1970-01-01T00:00:07.000000Z\"",
            ),
            ("GET /healthz HTTP/1.1\r\n\r\n", "200 OK", "ok\n"),
            (
                "GET /readyz HTTP/1.1\r\n\r\n",
                "503 Service",
                "nothing is listened to",
            ),
            ("GET / HTTP/1.1\r\n\r\n", "404 Not Found", "/metrics"),
            (
                "POST /metrics HTTP/1.1\r\n\r\n",
                "405 Method",
                "Allow: GET, HEAD\r\n",
            ),
            ("GET /metrics HTTP/1.1\r\n", "400 Bad", ""),
            ("\x16\x03\x01\x02\0", "400 Bad", ""),
            ("", "400 Bad", ""),
        ];
        answered(|board| {
            for (request, status, part) in cases {
                let answer = String::from_utf8(answer(request.as_bytes(), board)).unwrap();
                assert!(
                    answer.starts_with(&format!("HTTP/1.1 {status}")),
                    "{request}: {answer}"
                );
                assert!(answer.contains(part), "{request}: {answer}");
            }
        });
    }

    #[test]
    fn a_head_is_asked_for_without_its_text() {
        let page = Page::text(OK, "ok\n");
        let [whole, head] = [true, false].map(|text| String::from_utf8(page.bytes(text)).unwrap());
        assert_eq!(whole, format!("{head}ok\n"));
        assert!(head.contains("Content-Length: 3\r\n") && head.ends_with("\r\n\r\n"));
    }

    /// Who says nothing, and who never ends, is not waited for.
    #[test]
    fn slow_clients_do_not_keep_others_out() {
        let http = Http::open(([127, 0, 0, 1], 0).into()).unwrap();
        let address = http.address().unwrap();
        let connect = || TcpStream::connect(address).unwrap();
        answered(|board| {
            beside(
                Http::SERVERS,
                || http.serve(board),
                || {
                    let mut slow: Vec<TcpStream> =
                        (0..2 * Http::SERVERS).map(|_| connect()).collect();
                    for stream in &mut slow {
                        stream.write_all(b"GET /metrics HTTP/1.1\r\nX: ").unwrap();
                    }
                    let mut asks = connect();
                    asks.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").unwrap();
                    let mut answer = String::new();
                    asks.read_to_string(&mut answer).unwrap();
                    board.close();
                    assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
                },
            );
        });
    }
}
