//! `fanpiao serve`.

use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::{Problem, compose};

pub(crate) async fn run(config: Config) -> Result<ExitCode, Problem> {
    compose::start_log(&config);
    let listener = listen(&config).await?;
    let service = compose::start_server(&config).await?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let stopped = stopped();
    // Whoever started us with port 0 reads the port from here.
    say!("fanpiao listens on http://{address}");
    http_api::serve(listener, compose::app(service.clone(), &config), stopped).await;
    service.stop().await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn listen(config: &Config) -> Result<TcpListener, Problem> {
    let address = config.server.listen;
    TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}; choose another address with --listen"))
}

/// Ends at the first SIGINT or SIGTERM since it was called: one that comes before anybody waits is not lost, and ends nothing halfway.
pub(crate) fn stopped() -> impl Future<Output = ()> {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = signals else {
            tracing::error!("signals cannot be received; only a kill ends this process");
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping: running requests are finished first");
    }
}
