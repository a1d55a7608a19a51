//! TCP connections that a handler can cut, so that a client sees a reset in place of a response.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// Cuts the connection that a request came on: after [`Knife::cut`] not one more byte goes out on it.
#[derive(Clone, Default)]
pub(super) struct Knife(Arc<AtomicBool>);

impl Knife {
    pub(super) fn cut(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn has_cut(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Hands each request the knife for its own connection.
impl Connected<IncomingStream<'_, Lines>> for Knife {
    fn connect_info(stream: IncomingStream<'_, Lines>) -> Self {
        stream.io().knife.clone()
    }
}

/// A listener whose connections can be cut.
pub(super) struct Lines(pub(super) TcpListener);

impl Listener for Lines {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        // The trait's own implementation retries what an accept can fail with.
        let (stream, address) = Listener::accept(&mut self.0).await;
        let knife = Knife::default();
        (Line { stream, knife }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// One connection.
pub(super) struct Line {
    stream: TcpStream,
    knife: Knife,
}

impl Line {
    /// The stream, or the error that makes the server drop it: with no linger the peer gets a reset, not an orderly end.
    fn uncut(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        if self.knife.has_cut() {
            self.stream.set_zero_linger()?;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(Pin::new(&mut self.stream))
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.uncut()?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.uncut()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.uncut()?.poll_shutdown(context)
    }
}
