use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::faults::Faults;
use crate::log::CallLog;
use crate::settings::Settings;
use crate::{bucket, cabinet, control, erp, mail, mini, pay, robots};

/// What a simulated world looks like. The default is what the exported constants describe.
#[derive(Clone)]
pub struct Config {
    pub clock: Clock,
    pub appid: String,
    pub app_secret: String,
    /// Sign-ins that one person may try in a minute; WeChat allows a hundred.
    pub sign_ins_per_minute: u32,
    /// How it behaves at first.
    pub settings: Settings,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            clock: Clock::wall(),
            appid: crate::APPID.to_owned(),
            app_secret: crate::APP_SECRET.to_owned(),
            sign_ins_per_minute: 100,
            settings: Settings::default(),
        }
    }
}

/// A running simulated world. Dropping it stops it at once; [`World::stop`] lets it finish what it is answering.
pub struct World {
    address: SocketAddr,
    base_url: String,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<io::Result<()>>,
    post_office: JoinHandle<()>,
    mail: mail::Doors,
}

impl World {
    /// Starts a world with the public constants on a loopback address; port 0 takes a free one.
    pub async fn start(address: SocketAddr) -> io::Result<Self> {
        Self::start_with(address, Config::default()).await
    }

    /// Starts a world of one's own making, on loopback as well.
    pub async fn start_with(address: SocketAddr, config: Config) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the simulated world listens on loopback only: its keys are public",
            ));
        }
        if is_real_appid(&config.appid) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the simulated world takes no real appid"));
        }
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let base_url = format!("http://{address}");
        let client = callback_client().map_err(io::Error::other)?;
        let shared = Arc::new(Shared::new(base_url.clone(), config, client.clone())?);
        let post_office = tokio::spawn(pay::post_office(Arc::clone(&shared), client));
        let mail = mail::Doors::open(&shared).await?;
        let router = router(shared);
        let server = tokio::spawn(async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(async move {
                    // A dropped sender means the same as a message.
                    let _ = stopped.await;
                })
                .await
        });
        Ok(Self { address, base_url, stop: Some(stop), server, post_office, mail })
    }

    /// Where it listens; with the port that it got where it asked for any.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Scheme, host and port, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Where letters are taken under TLS from the first byte.
    pub fn mail_address(&self) -> SocketAddr {
        self.mail.tls
    }

    /// Where letters are taken after STARTTLS.
    pub fn start_tls_address(&self) -> SocketAddr {
        self.mail.start_tls
    }

    /// Takes no new request, finishes those under way, and cuts off what has not finished after a few seconds.
    pub async fn stop(mut self) {
        self.post_office.abort();
        self.mail.close();
        drop(self.stop.take());
        let _ = tokio::time::timeout(LONGEST_GOODBYE, &mut self.server).await;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.post_office.abort();
        self.mail.close();
        self.server.abort();
    }
}

const LONGEST_GOODBYE: Duration = Duration::from_secs(5);

/// What every handler sees.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) base_url: String,
    pub(crate) faults: Faults,
    pub(crate) log: CallLog,
    pub(crate) mini: mini::MiniSide,
    pub(crate) pay: pay::PaySide,
    pub(crate) cabinet: cabinet::CabinetSide,
    pub(crate) bucket: bucket::BucketSide,
    pub(crate) erp: erp::ErpSide,
    pub(crate) robots: robots::RobotSide,
    pub(crate) mail: mail::MailSide,
    /// What the simulated world calls others with.
    pub(crate) client: reqwest::Client,
    settings: RwLock<Settings>,
}

impl Shared {
    pub(crate) fn new(base_url: String, config: Config, client: reqwest::Client) -> io::Result<Self> {
        let pay = pay::PaySide::new().ok_or_else(|| io::Error::other("the simulation's keys do not load"))?;
        Ok(Self {
            client,
            cabinet: cabinet::CabinetSide::default(),
            bucket: bucket::BucketSide::default(),
            erp: erp::ErpSide::default(),
            robots: robots::RobotSide::default(),
            mail: mail::MailSide::default(),
            base_url,
            settings: RwLock::new(config.settings.clone()),
            faults: Faults::default(),
            log: CallLog::default(),
            mini: mini::MiniSide::default(),
            pay,
            config,
        })
    }

    pub(crate) fn settings(&self) -> Settings {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_settings(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .merge(mini::routes(Arc::clone(&shared)))
        .merge(pay::routes())
        .merge(cabinet::routes())
        .merge(bucket::routes())
        .merge(erp::routes())
        .merge(robots::routes())
        .merge(control::routes())
        .with_state(shared)
}

/// WeChat waits five seconds for an answer to a notification.
#[expect(clippy::disallowed_methods, reason = "the simulation's own client, which speaks to loopback only")]
pub(crate) fn callback_client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .build()
}

fn is_real_appid(appid: &str) -> bool {
    appid.strip_prefix("wx").is_some_and(|rest| rest.len() == 16 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::{Config, World, is_real_appid};

    #[tokio::test]
    async fn only_loopback_and_no_real_appid() {
        let open = World::start("0.0.0.0:0".parse().expect("address")).await;
        assert_eq!(open.err().map(|error| error.kind()), Some(std::io::ErrorKind::InvalidInput));
        let config = Config { appid: "wx00112233445566ff".to_owned(), ..Config::default() };
        let real = World::start_with("127.0.0.1:0".parse().expect("address"), config).await;
        assert_eq!(real.err().map(|error| error.kind()), Some(std::io::ErrorKind::InvalidInput));
        assert!(!is_real_appid(crate::APPID));
    }

    #[tokio::test]
    async fn the_port_is_free_after_a_stop() {
        let world = World::start("127.0.0.1:0".parse().expect("address")).await.expect("starts");
        let address = world.address();
        assert_eq!(world.base_url(), format!("http://{address}"));
        world.stop().await;
        World::start(address).await.expect("starts again").stop().await;
    }
}
