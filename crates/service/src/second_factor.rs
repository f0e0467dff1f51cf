//! The second factor of those who work here: setting it up, proving to have it, giving it up. Whether what proves it was used before
//! is decided where it is written down, by the kernel.

use std::sync::Arc;

use kernel::{
    Actor, Command, EnterWithFactor, FactorCommand, FactorProof, Member, MemberId, OfferFactor, OpenTicket, Outcome,
    ProofKind, Refusal, RenewRecovery, ResealFactor, SecondFactor, SignInTicket, TicketPurpose, TurnOffFactor,
    TurnOnFactor,
};
use store::queries::{members, second_factors, sessions};

use crate::sessions::hash_token;
use crate::totp::{self, SECRET_BYTES, Typed};
use crate::{Caller, Failure, Request, Service, SignedIn};

/// Long enough to find the phone, and to install an app.
const TICKET_MS: i64 = 10 * 60_000;
const AT_ONCE: i64 = 100;

/// What a right password comes to.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one is made for a sign-in, and taken apart at once")]
pub enum Entered {
    In(SignedIn),
    /// More is asked for.
    Half(Ticket),
}

#[derive(Debug)]
pub struct Ticket {
    pub token: String,
    pub expires_in_secs: i64,
    pub purpose: TicketPurpose,
}

/// A secret as it is shown once, to be typed or scanned.
pub struct FactorSecret {
    pub text: String,
    /// As apps read it out of a QR code.
    pub uri: String,
    pub expires_in_secs: i64,
}

impl Service {
    pub(crate) async fn asked_beside_password(&self, member: MemberId) -> Result<Option<TicketPurpose>, Failure> {
        let factor = second_factors::one(self.store(), member).await?;
        if factor.is_some_and(|factor| factor.active.is_some()) {
            return Ok(Some(TicketPurpose::Code));
        }
        if !self.demands_second_factor() {
            return Ok(None);
        }
        let member = members::one(self.store(), member).await?;
        Ok(member.filter(Member::is_staff).map(|_| TicketPurpose::SetUp))
    }

    pub(crate) async fn open_ticket(&self, member: MemberId, purpose: TicketPurpose) -> Result<Ticket, Failure> {
        let token = self.new_token();
        let (token_hash, expires_at) = (hash_token(&token), self.now().plus_millis(TICKET_MS));
        let open = OpenTicket { member, purpose, token_hash, expires_at };
        self.factor(Actor::house(), FactorCommand::OpenTicket(open)).await?;
        Ok(Ticket { token, expires_in_secs: TICKET_MS / 1000, purpose })
    }

    /// Whose ticket this is.
    ///
    /// # Errors
    /// `TicketOver` where it is not good for this, or not any more.
    pub async fn ticket_holder(&self, token: &str, purpose: TicketPurpose) -> Result<Member, Failure> {
        let ticket = second_factors::ticket(self.store(), &hash_token(token)).await?;
        let good = |ticket: &SignInTicket| ticket.purpose == purpose && ticket.is_good_at(self.now());
        let ticket = ticket.filter(good).ok_or(Refusal::TicketOver)?;
        let member = members::one(self.store(), ticket.member).await?;
        Ok(member.filter(Member::is_active).ok_or(Refusal::TicketOver)?)
    }

    /// A ticket and a code, of the app or for recovery, for a session.
    ///
    /// # Errors
    /// `CodeWrong`, `CodeUsed`, `TicketOver`.
    pub async fn enter_with_factor(&self, token: &str, code: &str) -> Result<SignedIn, Failure> {
        let member = self.ticket_holder(token, TicketPurpose::Code).await?.id;
        let proof = self.proof(member, code).await?;
        let (session_token, session) = self.new_session();
        let enter = EnterWithFactor { member, ticket: hash_token(token), proof, session };
        self.enter_as(own(member), session_token, Command::Factor(FactorCommand::EnterWithFactor(enter))).await
    }

    /// Shows a new secret to somebody whose password was right. Who has one already shows a code of it.
    ///
    /// # Errors
    /// `FactorMissing` where the house has no key to keep it under, `CodeWrong`, `CodeUsed`.
    pub async fn offer_factor(&self, member: &Member, code: Option<&str>) -> Result<FactorSecret, Failure> {
        if self.keys().is_empty() {
            return Err(Refusal::FactorMissing.into());
        }
        let account = member.account.as_ref().ok_or(Refusal::NoAccount)?;
        let proof = match code {
            Some(code) => Some(self.proof(member.id, code).await?),
            None => None,
        };
        let mut secret = [0; SECRET_BYTES];
        self.ambient().fill(&mut secret);
        let sealed = self.keys().seal(self.ambient(), &about(member.id), &secret)?;
        let until = self.now().plus_millis(TICKET_MS);
        let offer = OfferFactor { member: member.id, proof, secret: sealed, until };
        self.factor(own(member.id), FactorCommand::OfferFactor(offer)).await?;
        let text = totp::base32(&secret);
        let uri = format!("otpauth://totp/Fanpiao:{}?secret={text}&issuer=Fanpiao", encoded(account.as_str()));
        Ok(FactorSecret { text, uri, expires_in_secs: TICKET_MS / 1000 })
    }

    /// Makes the secret count that was offered last, after a right code of it. Other sessions end.
    ///
    /// # Errors
    /// `OfferOver`, `CodeWrong`.
    pub async fn turn_on_factor(&self, caller: &Caller, code: &str) -> Result<Vec<String>, Failure> {
        let (mut command, recovery_codes) = self.turning_on(caller.member, code).await?;
        command.close.retain(|token| *token != caller.token_hash);
        self.factor(caller.actor(), FactorCommand::TurnOnFactor(command)).await?;
        Ok(recovery_codes)
    }

    /// The same by somebody who was led to it while signing in.
    ///
    /// # Errors
    /// `OfferOver`, `CodeWrong`, `TicketOver`.
    pub async fn enter_by_turning_on(&self, token: &str, code: &str) -> Result<(Vec<String>, SignedIn), Failure> {
        let member = self.ticket_holder(token, TicketPurpose::SetUp).await?.id;
        let (command, recovery_codes) = self.turning_on(member, code).await?;
        let (session_token, session) = self.new_session();
        let command = TurnOnFactor { entry: Some((hash_token(token), session)), ..command };
        let command = Command::Factor(FactorCommand::TurnOnFactor(command));
        let signed_in = self.enter_as(own(member), session_token, command).await?;
        Ok((recovery_codes, signed_in))
    }

    async fn turning_on(&self, member: MemberId, code: &str) -> Result<(TurnOnFactor, Vec<String>), Failure> {
        let factor = second_factors::one(self.store(), member).await?;
        let offer = factor.and_then(|factor| factor.offer).filter(|offer| self.now() < offer.until);
        let secret = offer.ok_or(Refusal::OfferOver)?.secret;
        let step = match Typed::read(code) {
            Some(Typed::Code(code)) => totp::step_of(&self.keys().open(&about(member), &secret)?, &code, self.now()),
            _ => None,
        };
        let step = step.ok_or(Refusal::CodeWrong)?;
        let open = sessions::open(self.store(), member, self.now()).await?;
        let close = open.iter().map(|session| session.token_hash).collect();
        let (recovery_codes, recovery) = totp::recovery_codes(self.ambient()).into_iter().unzip();
        Ok((TurnOnFactor { member, secret, step, recovery, close, entry: None }, recovery_codes))
    }

    /// # Errors
    /// `FactorDemanded` where the house has everybody have one, `FactorOff`, `CodeWrong`, `CodeUsed`.
    pub async fn turn_off_factor(&self, caller: &Caller, code: &str) -> Result<(), Failure> {
        let member = members::one(self.store(), caller.member).await?;
        if self.demands_second_factor() && member.is_some_and(|member| member.is_staff()) {
            return Err(Refusal::FactorDemanded.into());
        }
        let proof = self.proof(caller.member, code).await?;
        let command = TurnOffFactor { member: caller.member, proof };
        self.factor(caller.actor(), FactorCommand::TurnOffFactor(command)).await
    }

    /// New recovery codes; the earlier ones open nothing any more.
    ///
    /// # Errors
    /// `FactorOff`, `CodeWrong`, `CodeUsed`.
    pub async fn renew_recovery_codes(&self, caller: &Caller, code: &str) -> Result<Vec<String>, Failure> {
        let proof = self.proof(caller.member, code).await?;
        let (shown, recovery) = totp::recovery_codes(self.ambient()).into_iter().unzip();
        let command = RenewRecovery { member: caller.member, proof, recovery };
        self.factor(caller.actor(), FactorCommand::RenewRecovery(command)).await?;
        Ok(shown)
    }

    /// Seals every secret under the newest key that is not yet, and says how many were.
    pub(crate) async fn reseal_factors(&self) -> Result<usize, Failure> {
        let (mut after, mut resealed) = (MemberId::new(0), 0);
        loop {
            let factors = second_factors::active(self.store(), after, AT_ONCE).await?;
            let Some(last) = factors.last() else { return Ok(resealed) };
            after = last.member;
            for SecondFactor { member, active, .. } in factors {
                let secret = active.map(|active| active.secret);
                let Some(from) = secret.filter(|secret| !self.keys().is_under_newest(secret)) else { continue };
                let plain = self.keys().open(&about(member), &from)?;
                let to = self.keys().seal(self.ambient(), &about(member), &plain)?;
                self.factor(Actor::house(), FactorCommand::ResealFactor(ResealFactor { member, from, to })).await?;
                resealed += 1;
            }
        }
    }

    /// What the typed code proves of the second factor that is on.
    async fn proof(&self, member: MemberId, code: &str) -> Result<FactorProof, Failure> {
        let factor = second_factors::one(self.store(), member).await?;
        let secret = factor.and_then(|factor| factor.active).ok_or(Refusal::FactorOff)?.secret;
        let kind = match Typed::read(code) {
            Some(Typed::Code(code)) => {
                let plain = self.keys().open(&about(member), &secret)?;
                totp::step_of(&plain, &code, self.now()).map(ProofKind::Step)
            }
            Some(Typed::Recovery(hash)) => Some(ProofKind::Recovery(hash)),
            None => None,
        };
        Ok(FactorProof { secret, kind: kind.ok_or(Refusal::CodeWrong)? })
    }

    async fn factor(&self, actor: Actor, command: FactorCommand) -> Result<(), Failure> {
        let request = Request { command: Command::Factor(command), actor, key: None, dry_run: false };
        match self.run(request).await? {
            Outcome::Member { .. } => Ok(()),
            other => Err(Failure::Internal { reason: format!("a second factor's command answered {other:?}") }),
        }
    }
}

/// Somebody who has not signed in yet, in whose name the audit trail is to speak.
fn own(member: MemberId) -> Actor {
    Actor { member: Some(member), rights: Arc::default() }
}

/// What a secret is sealed as.
fn about(member: MemberId) -> String {
    format!("second_factor:{member}")
}

/// As a part of an address.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}
