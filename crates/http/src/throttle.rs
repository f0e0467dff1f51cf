//! How much one address, one member, one partner or one account may ask. Each server counts for itself, in memory that never grows.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use kernel::{Instant, MemberId};
use service::Networks;

use crate::failure::Failure;

/// So much at once, and then so much a minute. With nothing at once it is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub burst: u32,
    pub per_minute: u32,
}

#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// Requests from one address.
    pub address: Rate,
    /// Requests by one member.
    pub member: Rate,
    /// Messages of one partner that are its own.
    pub partner: Rate,
    /// Failed passwords from one address.
    pub address_failures: Rate,
    /// Failed passwords for one account.
    pub account_failures: Rate,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            address: Rate { burst: 1000, per_minute: 6000 },
            member: Rate { burst: 200, per_minute: 1200 },
            partner: Rate { burst: 1000, per_minute: 6000 },
            address_failures: Rate { burst: 30, per_minute: 6 },
            account_failures: Rate { burst: 10, per_minute: 1 },
        }
    }
}

/// The part of an address that one customer of a network has: all of IPv4, and the half of IPv6 that the network gives out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Client(u64, bool);

impl Client {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(u64::from(address.to_bits()), false),
            IpAddr::V6(address) => Self((address.to_bits() >> 64) as u64, true),
        }
    }
}

pub(crate) struct Throttles {
    address: Throttle,
    member: Throttle,
    partner: Throttle,
    address_failures: Throttle,
    account_failures: Throttle,
}

impl Throttles {
    pub(crate) fn new(rates: &Rates) -> Self {
        Self {
            address: Throttle::new(rates.address),
            member: Throttle::new(rates.member),
            partner: Throttle::new(rates.partner),
            address_failures: Throttle::new(rates.address_failures),
            account_failures: Throttle::new(rates.account_failures),
        }
    }

    pub(crate) fn address(&self, client: Option<Client>, now: Instant) -> Result<(), Failure> {
        client.map_or(Ok(()), |client| self.address.take(&client, now))
    }

    pub(crate) fn member(&self, member: MemberId, now: Instant) -> Result<(), Failure> {
        self.member.take(&member, now)
    }

    pub(crate) fn partner(&self, partner: &str, now: Instant) -> Result<(), Failure> {
        self.partner.take(&partner, now)
    }

    /// Before a password is looked at, so that many tries at once are as many as they are. Whoever was right is given it back.
    pub(crate) fn sign_in(
        &self,
        client: Option<Client>,
        account: &str,
        now: Instant,
    ) -> Result<impl FnOnce() + use<'_>, Failure> {
        let account = account.to_lowercase();
        self.account_failures.take(&account, now)?;
        if let Some(client) = client
            && let Err(failure) = self.address_failures.take(&client, now)
        {
            self.account_failures.give_back(&account);
            return Err(failure);
        }
        Ok(move || {
            self.account_failures.give_back(&account);
            client.iter().for_each(|client| self.address_failures.give_back(client));
        })
    }
}

/// When a key may ask next is kept in one slot of every row, and shared with whoever falls into the same slot; only what all rows
/// agree on counts, so that two keys share a limit only where they share every slot. Which these are, nobody outside can know.
struct Throttle {
    rate: Rate,
    slots: Mutex<Vec<[i64; ROWS]>>,
    hashers: [RandomState; ROWS],
}

const ROWS: usize = 4;
const SLOTS: usize = 1 << 14;

impl Throttle {
    fn new(rate: Rate) -> Self {
        let slots = if rate.burst == 0 { 0 } else { SLOTS };
        Self { rate, slots: Mutex::new(vec![[0; ROWS]; slots]), hashers: std::array::from_fn(|_| RandomState::new()) }
    }

    /// What one costs, in microseconds.
    fn cost(&self) -> i64 {
        60_000_000 / i64::from(self.rate.per_minute.max(1))
    }

    fn places(&self, key: &impl Hash) -> [usize; ROWS] {
        self.hashers.each_ref().map(|hasher| usize::try_from(hasher.hash_one(key) % SLOTS as u64).unwrap_or(0))
    }

    fn take(&self, key: &impl Hash, now: Instant) -> Result<(), Failure> {
        if self.rate.burst == 0 {
            return Ok(());
        }
        let (now, cost, places) = (now.as_millis() * 1000, self.cost(), self.places(key));
        let most = cost * i64::from(self.rate.burst);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let debt = (0..ROWS).map(|row| slots[places[row]][row]).min().unwrap_or(now);
        // After a clock was set back a debt may seem larger than any can be.
        let debt = debt.clamp(now, now + most) + cost;
        if debt > now + most {
            let wait = u32::try_from((debt - now - most + 999_999) / 1_000_000).unwrap_or(u32::MAX);
            return Err(Failure::TooMany { wait });
        }
        for (row, place) in places.into_iter().enumerate() {
            let slot = &mut slots[place][row];
            *slot = (*slot).min(now + most).max(debt);
        }
        Ok(())
    }

    fn give_back(&self, key: &impl Hash) {
        if self.rate.burst == 0 {
            return;
        }
        let (cost, places) = (self.cost(), self.places(key));
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        for (row, place) in places.into_iter().enumerate() {
            slots[place][row] -= cost;
        }
    }
}

/// The addresses of our own proxies, as `127.0.0.0/8, ::1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxies(Networks);

impl Default for Proxies {
    fn default() -> Self {
        Self(Networks::own_machine())
    }
}

impl FromStr for Proxies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self)
    }
}

impl std::fmt::Display for Proxies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Proxies {
    /// Who asks, seen from behind our own proxies: each adds to `X-Forwarded-For` whom it heard, so the list is read from its end for
    /// as long as one of ours has written it. Nobody where the request was made by one of ours.
    pub(crate) fn sender(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let lists: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().map(|value| value.to_str().unwrap_or("?")).collect();
        let mut hops = lists.iter().rev().flat_map(|list| list.rsplit(','));
        let mut address = peer.to_canonical();
        while self.0.hold(address) {
            // What one of ours wrote last is all that is known where it wrote nothing that can be read.
            address = hops.next().and_then(hop)?.to_canonical();
        }
        Some(address)
    }
}

/// Some proxies write the port as well.
fn hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Instant {
        Instant::from_millis(1_780_000_000_000 + ms)
    }

    fn wait(taken: Result<(), Failure>) -> u32 {
        match taken {
            Ok(()) => 0,
            Err(Failure::TooMany { wait }) => wait,
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn so_much_at_once_and_then_so_much_a_minute() {
        let throttle = Throttle::new(Rate { burst: 3, per_minute: 6 });
        let asked: Vec<u32> = (0..5).map(|_| wait(throttle.take(&"a", at(0)))).collect();
        assert_eq!(asked, [0, 0, 0, 10, 10]);
        assert_eq!(wait(throttle.take(&"b", at(0))), 0, "somebody else has a limit of their own");
        assert_eq!(wait(throttle.take(&"a", at(9_999))), 1);
        assert_eq!(wait(throttle.take(&"a", at(10_000))), 0);
        assert_eq!(wait(throttle.take(&"a", at(10_000))), 10);
        throttle.give_back(&"a");
        assert_eq!(wait(throttle.take(&"a", at(10_000))), 0);
        let rested: Vec<u32> = (0..4).map(|_| wait(throttle.take(&"a", at(3_600_000)))).collect();
        assert_eq!(rested, [0, 0, 0, 10], "no rest is worth more than the burst");
        assert_eq!(wait(throttle.take(&"a", at(0))), 10, "a clock that was set back shuts nobody out for long");
    }

    #[test]
    fn nothing_at_once_is_no_limit() {
        let throttle = Throttle::new(Rate { burst: 0, per_minute: 0 });
        assert!((0..1000).all(|_| throttle.take(&1, at(0)).is_ok()));
        throttle.give_back(&1);
    }

    #[test]
    fn many_keys_do_not_shut_each_other_out() {
        let throttle = Throttle::new(Rate { burst: 1, per_minute: 1 });
        let shut_out = (0..2000).filter(|key| throttle.take(key, at(0)).is_err()).count();
        assert!(shut_out <= 4, "{shut_out} of 2000");
        assert!((0..2000).all(|key| throttle.take(&key, at(0)).is_err()), "and each has had its one");
    }

    #[test]
    fn only_our_own_proxies_are_believed() {
        let proxies: Proxies = "127.0.0.0/8, ::1, 10.1.2.3".parse().expect("networks");
        assert_eq!(proxies.to_string(), "127.0.0.0/8, ::1/128, 10.1.2.3/32");
        let client = |peer: &str, lists: &[&str]| {
            let mut headers = HeaderMap::new();
            for list in lists {
                headers.append("x-forwarded-for", list.parse().expect("a header"));
            }
            proxies.sender(peer.parse().expect("an address"), &headers).map(Client::of)
        };
        let known = |text: &str| Some(Client::of(text.parse().expect("an address")));
        assert_eq!(client("8.8.8.8", &[]), known("8.8.8.8"));
        assert_eq!(client("8.8.8.8", &["1.1.1.1"]), known("8.8.8.8"), "anybody can write a header");
        assert_eq!(client("127.0.0.1", &["6.6.6.6, 1.1.1.1"]), known("1.1.1.1"), "and have it passed on");
        assert_eq!(client("127.0.0.1", &["6.6.6.6", "1.1.1.1, 10.1.2.3"]), known("1.1.1.1"));
        assert_eq!(client("::ffff:127.0.0.1", &["[2001:db8::1]:443"]), known("2001:db8::2"), "a network is one client");
        assert_eq!(client("127.0.0.1", &[]), None);
        assert_eq!(client("127.0.0.1", &["10.1.2.3"]), None);
        assert_eq!(client("127.0.0.1", &["1.1.1.1, unknown"]), None);
        assert_ne!(known("2001:db8::1"), known("2001:db8:0:1::1"));
        for wrong in ["10.0.0.0/33", "::/129", "localhost", "10.0.0.0/x"] {
            assert!(wrong.parse::<Proxies>().is_err(), "{wrong}");
        }
        assert!("0.0.0.0/0".parse::<Proxies>().expect("a network").0.hold("8.8.8.8".parse().expect("an address")));
        assert!("".parse::<Proxies>().expect("none").0.is_empty());
    }
}
