//! Passwords: what a good one is, how it is kept, how it changes.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use kernel::{Actor, Command, Instant, MemberId, SetPassword};
use std::collections::BTreeSet;
use std::io;
use std::sync::LazyLock;
use store::queries::{members, second_factors, sessions};
use tokio::sync::Semaphore;

use crate::{Ambient, Failure, Request, Service};

/// Each hash takes tens of milliseconds and 19 MiB: guessing must not eat the machine.
static HASHING: Semaphore = Semaphore::const_new(2);

/// Checked where there is no such account, so that a wrong account takes as long as a wrong password.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash_with_salt("nobody", &[0; 16]));

/// Why a password is not good enough. Length is what counts; rules about kinds of characters make people write passwords down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeakPassword {
    Length,
    /// It is made of too few different characters, as `111111111111`.
    TooUniform,
    /// Most of it goes along the alphabet, the digits or a keyboard, as `abcdefgh1234` and `qwertyuiop12`.
    Sequence,
    /// It holds the name of the account, and little else.
    LikeAccount,
    /// It stands on the list of leaked ones: others try those first.
    Leaked,
}

impl WeakPassword {
    pub const SHORTEST: usize = 12;
    pub const LONGEST: usize = 256;
    const FEWEST_DIFFERENT: usize = 5;

    fn check(password: &str, account: &str) -> Result<(), Self> {
        if !(Self::SHORTEST..=Self::LONGEST).contains(&password.chars().count()) {
            return Err(Self::Length);
        }
        let different = |text: &str| text.chars().collect::<BTreeSet<_>>().len();
        if different(password) < Self::FEWEST_DIFFERENT {
            return Err(Self::TooUniform);
        }
        let lower: Vec<char> = password.to_lowercase().chars().collect();
        let guessed = lower.windows(2).filter(|pair| follows(pair[0], pair[1])).count();
        if guessed * 2 > lower.len() - 1 {
            return Err(Self::Sequence);
        }
        let rest = password.to_lowercase().replace(&account.to_lowercase(), "");
        if !account.is_empty() && different(&rest) < Self::FEWEST_DIFFERENT {
            return Err(Self::LikeAccount);
        }
        Ok(())
    }
}

/// Whether this letter is what one expects after that one: the same, or its neighbour.
fn follows(before: char, after: char) -> bool {
    let pairs = [[before, after], [after, before]].map(String::from_iter);
    let beside = |row: &str| pairs.iter().any(|pair| row.contains(pair.as_str()));
    u32::from(before).abs_diff(u32::from(after)) <= 1 || KEYBOARD.into_iter().any(beside)
}

const KEYBOARD: [&str; 4] = ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"];

impl Service {
    /// Why this is no good password for the account, where it is none.
    pub async fn weakness(&self, password: &str, account: &str) -> Result<Option<WeakPassword>, Failure> {
        if let Err(weak) = WeakPassword::check(password, account) {
            return Ok(Some(weak));
        }
        let Some(list) = self.leaked_passwords().cloned() else { return Ok(None) };
        let password = password.to_owned();
        let found =
            tokio::task::spawn_blocking(move || list.holds(&password)).await.map_err(io::Error::other).flatten();
        match found {
            Ok(is_leaked) => Ok(is_leaked.then_some(WeakPassword::Leaked)),
            Err(error) => Err(Failure::Internal { reason: format!("the list of leaked passwords: {error}") }),
        }
    }

    /// Whose account and password these are.
    pub(crate) async fn believe(&self, account: &str, password: &str) -> Result<MemberId, Failure> {
        let known = match kernel::AccountName::try_from(account.to_owned()) {
            Ok(account) => members::credential(self.store(), &account).await?,
            Err(_) => None,
        };
        let (member, hash) = match known {
            Some((member, hash)) => (Some(member), hash),
            None => (None, NOBODY.clone()),
        };
        let right = verify(password.to_owned(), hash).await?;
        member.filter(|_| right).ok_or(Failure::BadCredentials)
    }

    /// Gives somebody a new password. All their sessions end with the old one, but for the one named.
    ///
    /// No idempotency key: what is kept of a request under one would let its password be guessed, and twice is as once.
    ///
    /// # Errors
    /// Where there is no such member, or one without an account.
    pub async fn set_password(
        &self,
        actor: Actor,
        member: MemberId,
        password: &str,
        but: Option<[u8; 32]>,
    ) -> Result<(), Failure> {
        let now: Instant = self.now();
        let open = sessions::open(self.store(), member, now).await?;
        let tickets = second_factors::open_tickets(self.store(), member, now).await?;
        let sessions = open.iter().map(|session| session.token_hash).filter(|token| Some(*token) != but);
        let close = sessions.chain(tickets.iter().map(|ticket| ticket.token_hash)).collect();
        let password_hash = hash_password(self.ambient(), password.to_owned()).await;
        let command = Command::SetPassword(SetPassword { member, password_hash, close });
        self.run(Request { command, actor, key: None, dry_run: false }).await.map(drop)
    }

    /// The same by oneself, who has to know the old one.
    ///
    /// # Errors
    /// `BadCredentials` where the old password is another one.
    pub async fn change_password(
        &self,
        caller: &crate::Caller,
        account: &str,
        current: &str,
        new: &str,
    ) -> Result<(), Failure> {
        if !self.is_password(caller, account, current).await? {
            return Err(Failure::BadCredentials);
        }
        self.set_password(caller.actor(), caller.member, new, Some(caller.token_hash)).await
    }

    /// Whether this is the password of whoever asks.
    pub async fn is_password(&self, caller: &crate::Caller, account: &str, password: &str) -> Result<bool, Failure> {
        match self.believe(account, password).await {
            Ok(member) => Ok(member == caller.member),
            Err(Failure::BadCredentials) => Ok(false),
            Err(failure) => Err(failure),
        }
    }
}

/// Argon2id with the crate's recommended cost, as a PHC string.
///
/// # Panics
/// Where Argon2 refuses its own default parameters.
pub async fn hash_password(ambient: &dyn Ambient, password: String) -> String {
    let mut salt = [0; 16];
    ambient.fill(&mut salt);
    let hashed = tokio::task::spawn_blocking(move || hash_with_salt(&password, &salt)).await;
    match hashed {
        Ok(hash) => hash,
        Err(error) => panic!("hashing a password failed: {error}"),
    }
}

fn hash_with_salt(password: &str, salt: &[u8; 16]) -> String {
    match Argon2::default().hash_password_with_salt(password.as_bytes(), salt) {
        Ok(hash) => hash.to_string(),
        Err(error) => panic!("argon2 refuses its defaults: {error}"),
    }
}

async fn verify(password: String, hash: String) -> Result<bool, Failure> {
    let _permit = HASHING.acquire().await.map_err(|error| Failure::Internal { reason: error.to_string() })?;
    let work = move || {
        let parsed =
            PasswordHash::new(&hash).map_err(|error| format!("a stored password hash cannot be read: {error}"))?;
        Ok::<_, String>(Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok())
    };
    let verified = tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string()).and_then(|done| done);
    verified.map_err(|reason| Failure::Internal { reason })
}

#[cfg(test)]
mod tests {
    use super::WeakPassword::{Length, LikeAccount, Sequence, TooUniform};
    use super::*;

    #[test]
    fn a_password_is_long_varied_and_not_the_account() {
        let long = "x1".repeat(125);
        for (password, account, weak) in [
            ("elevenchars", "li", Some(Length)),
            ("twelve chars", "li", None),
            ("十二个汉字组成的口令也可", "li", None),
            ("十一个汉字组成的口令嘛", "li", Some(Length)),
            ("111111111111", "li", Some(TooUniform)),
            ("abababababab", "li", Some(TooUniform)),
            ("abcdefghijkl", "li", Some(Sequence)),
            ("123456789012", "li", Some(Sequence)),
            ("QwertyUiop12", "li", Some(Sequence)),
            ("aaaabbbbccccdddd", "li", Some(TooUniform)),
            ("zyxwvuts9876", "li", Some(Sequence)),
            ("abc and 123 do", "li", None),
            ("administrator", "administrator", Some(LikeAccount)),
            ("Administrator1!", "administrator", Some(LikeAccount)),
            ("administrator likes soup", "administrator", None),
            ("twelve chars", "", None),
        ] {
            assert_eq!(WeakPassword::check(password, account).err(), weak, "{password}");
        }
        assert_eq!(WeakPassword::check(&format!("{long}abcdef"), ""), Ok(()));
        assert_eq!(WeakPassword::check(&format!("{long}abcdefg"), ""), Err(Length));
    }
}
