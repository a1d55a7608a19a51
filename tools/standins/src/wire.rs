//! One connection as its bytes: the request head exactly as it came, and the power to cut the line.
//!
//! The `http` crate lower-cases header names, but Orgvue documents them as case-sensitive, so the head is noted while
//! hyper reads it. The next head starts after the last write of the previous answer; a client that pipelines requests
//! (none does) would have only its first head noted.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::{io, mem};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::store::lock;

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// A handle on the connection a request came by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire(Arc<State>);

#[derive(Debug, Default)]
struct State {
    head: Mutex<Vec<u8>>,
    head_done: AtomicBool,
    cut: AtomicBool,
}

impl Wire {
    /// The names of the headers of the request being answered, in the case the client gave them.
    pub(crate) fn header_names(&self) -> Vec<String> {
        let bytes = mem::take(&mut *lock(&self.0.head));
        let head = bytes.windows(END_OF_HEAD.len()).position(|window| window == END_OF_HEAD).map_or(&[][..], |end| &bytes[..end]);
        String::from_utf8_lossy(head).lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name.to_owned()).collect()
    }

    /// Closes the connection instead of writing anything more to it.
    pub(crate) fn cut(&self) {
        self.0.cut.store(true, Ordering::SeqCst);
    }

    fn note_read(&self, bytes: &[u8]) {
        if self.0.head_done.load(Ordering::SeqCst) {
            return;
        }
        let mut head = lock(&self.0.head);
        head.extend_from_slice(bytes);
        if head.windows(END_OF_HEAD.len()).any(|window| window == END_OF_HEAD) {
            self.0.head_done.store(true, Ordering::SeqCst);
        }
    }

    fn note_write(&self) -> io::Result<()> {
        lock(&self.0.head).clear();
        self.0.head_done.store(false, Ordering::SeqCst);
        if self.0.cut.load(Ordering::SeqCst) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

/// A listener whose connections are [`Line`]s.
#[derive(Debug)]
pub(crate) struct Loopback(pub(crate) TcpListener);

/// A TCP connection that tells its [`Wire`] what passes.
#[derive(Debug)]
pub(crate) struct Line {
    tcp: TcpStream,
    wire: Wire,
}

impl Listener for Loopback {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        let (tcp, address) = Listener::accept(&mut self.0).await;
        // Without this, delayed acknowledgements add 40 ms to many answers; failing to set it costs no more than that.
        let _ = tcp.set_nodelay(true);
        (Line { tcp, wire: Wire::default() }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Loopback>> for Wire {
    fn connect_info(stream: IncomingStream<'_, Loopback>) -> Self {
        stream.io().wire.clone()
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.tcp).poll_read(cx, buffer);
        self.wire.note_read(&buffer.filled()[before..]);
        polled
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.wire.note_write()?;
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.wire.note_write()?;
        Pin::new(&mut self.tcp).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }
}
