//! A router on a loopback port, served until it is stopped or forgotten.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::store::lock;
use crate::wire::{Loopback, Wire};

/// How long open requests may take to end when the server is stopped; a scripted delay must not hold up a test.
const STOP_MAX: Duration = Duration::from_secs(2);

/// A running server; dropping it lets open requests end and closes the port.
#[derive(Debug)]
pub(crate) struct Running {
    address: SocketAddr,
    running: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl Running {
    pub(crate) async fn start(port: u16, router: Router) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let service = router.into_make_service_with_connect_info::<Wire>();
        let serving = axum::serve(Loopback(listener), service).with_graceful_shutdown(async {
            // An error means that the sender was dropped, which asks for the same.
            let _ = stopped.await;
        });
        let task = tokio::spawn(async {
            serving.await.expect("axum's accept loop never ends with an error");
        });
        Ok(Self { address, running: Mutex::new(Some((stop, task))) })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) async fn stop(&self) {
        let Some((stop, mut task)) = lock(&self.running).take() else {
            return;
        };
        drop(stop);
        if tokio::time::timeout(STOP_MAX, &mut task).await.is_err() {
            task.abort();
        }
    }
}
