//! The second factor: tickets, codes that open once, recovery codes, and who may take it from whom.

#![cfg(test)]

mod support;

use std::collections::BTreeSet;

use kernel::{
    AddMember, CabinetRules, Code, Command, EnterWithFactor, FactorCommand, FactorProof, Instant, MemberId, NewSession,
    OfferFactor, OpenTicket, Outcome, Overdraft, Profile, ProofKind, Refusal, RenewRecovery, ResealFactor, ResetFactor,
    SetPassword, TicketPurpose, TurnOffFactor, TurnOnFactor,
};
use support::{Answer, Asked, Database, House, Ids, actor, check_books};

const MINUTE_MS: i64 = 60_000;

struct World {
    database: Database,
    ids: Ids,
    house: House,
    member: MemberId,
    boss: MemberId,
}

fn hashes(of: impl IntoIterator<Item = u8>) -> BTreeSet<[u8; 32]> {
    of.into_iter().map(|byte| [byte; 32]).collect()
}

fn step(secret: &str, step: i64) -> FactorProof {
    FactorProof { secret: secret.into(), kind: ProofKind::Step(step) }
}

fn recovery(byte: u8) -> FactorProof {
    FactorProof { secret: Vec::new(), kind: ProofKind::Recovery([byte; 32]) }
}

impl World {
    fn new() -> Self {
        let now: Instant = "2026-03-02T01:00:00Z".parse().expect("an instant");
        let house = House { now, overdraft_limit: Some(Overdraft::NONE), cabinet: CabinetRules::default() };
        let nobody = MemberId::new(0);
        let mut world = Self { database: Database::new(), ids: Ids::default(), house, member: nobody, boss: nobody };
        world.member = world.add(Some("li"));
        world.boss = world.add(Some("boss"));
        world
    }

    fn add(&mut self, account: Option<&str>) -> MemberId {
        let number = self.ids.0;
        let add = AddMember {
            profile: Profile { uid: format!("uid-{number}"), nickname: "李".to_owned() },
            account: account.map(|name| name.to_owned().try_into().expect("a name")),
            password_hash: None,
            openid: None,
            department: None,
            overdraft_limit: None,
            grants: Vec::new(),
        };
        match self.run(None, Command::AddMember(add)) {
            Ok(Outcome::Member { member }) => member.id,
            other => panic!("{other:?}"),
        }
    }

    fn run(&mut self, by: Option<MemberId>, command: Command) -> Answer {
        self.run_together(by, [command]).remove(0)
    }

    /// In one batch, one after the other.
    fn run_together(&mut self, by: Option<MemberId>, commands: impl IntoIterator<Item = Command>) -> Vec<Answer> {
        let batch: Vec<_> = commands.into_iter().map(|command| Asked { command, actor: actor(by) }).collect();
        let mut answers = Vec::new();
        support::run(&mut self.database, &mut self.ids, &self.house, &batch, |_, answer, _| {
            answers.push(answer.clone());
        });
        check_books(&self.database);
        answers
    }

    fn does(&mut self, command: FactorCommand) -> Answer {
        self.run(Some(self.member), Command::Factor(command))
    }

    fn offer(&mut self, secret: &str, proof: Option<FactorProof>) -> Answer {
        let until = self.house.now.plus_millis(10 * MINUTE_MS);
        let (member, secret) = (self.member, secret.into());
        self.does(FactorCommand::OfferFactor(OfferFactor { member, proof, secret, until }))
    }

    fn turning_on(&self, secret: &str, step: i64) -> TurnOnFactor {
        let (member, secret, recovery) = (self.member, secret.into(), hashes([1, 2, 3]));
        TurnOnFactor { member, secret, step, recovery, close: Vec::new(), entry: None }
    }

    fn turn_on(&mut self, secret: &str, step: i64) -> Answer {
        self.does(FactorCommand::TurnOnFactor(self.turning_on(secret, step)))
    }

    fn ticket(&mut self, token: u8, purpose: TicketPurpose) {
        let expires_at = self.house.now.plus_millis(10 * MINUTE_MS);
        let open = OpenTicket { member: self.member, purpose, token_hash: [token; 32], expires_at };
        self.run(None, Command::Factor(FactorCommand::OpenTicket(open))).expect("opened");
    }

    fn entering(&self, ticket: u8, proof: FactorProof, session: u8) -> Command {
        let session = NewSession { token_hash: [session; 32], expires_at: self.house.now.plus_millis(MINUTE_MS) };
        let (member, ticket) = (self.member, [ticket; 32]);
        Command::Factor(FactorCommand::EnterWithFactor(EnterWithFactor { member, ticket, proof, session }))
    }

    fn enter(&mut self, ticket: u8, proof: FactorProof, session: u8) -> Answer {
        let command = self.entering(ticket, proof, session);
        self.run(Some(self.member), command)
    }

    fn audited(&self) -> Vec<&'static str> {
        let about = |action: &&str| action.contains("factor") || action.contains("recovery");
        self.database.audits.iter().map(|audit| audit.action).filter(about).collect()
    }

    fn left(&self) -> usize {
        let (factor, _) = &self.database.second_factors[&self.member];
        factor.active.as_ref().map_or(0, |active| active.recovery.len())
    }
}

#[test]
fn an_offer_counts_once_it_is_proved_and_in_time() {
    let mut world = World::new();
    assert_eq!(world.turn_on("a", 10), Err(Refusal::OfferOver), "nothing was offered");
    world.offer("a", None).expect("offered");
    world.offer("b", None).expect("offered again");
    assert_eq!(world.turn_on("a", 10), Err(Refusal::OfferOver), "the later offer counts");
    world.house.now = world.house.now.plus_millis(10 * MINUTE_MS);
    assert_eq!(world.turn_on("b", 10), Err(Refusal::OfferOver), "too late");
    assert_eq!(world.left(), 0);

    world.offer("c", None).expect("offered");
    world.turn_on("c", 10).expect("on");
    assert_eq!(world.turn_on("c", 11), Err(Refusal::OfferOver), "once");

    // Another phone takes the old one's proof.
    assert_eq!(world.offer("d", None), Err(Refusal::CodeWrong));
    assert_eq!(world.offer("d", Some(step("c", 10))), Err(Refusal::CodeUsed));
    world.offer("d", Some(step("c", 11))).expect("offered");
    world.turn_on("d", 12).expect("on");
    assert_eq!(world.offer("e", Some(step("c", 13))), Err(Refusal::CodeWrong), "the old secret is nothing now");
    assert_eq!(world.audited(), ["member.turn_on_second_factor"; 2]);

    world.member = world.add(None);
    assert_eq!(world.offer("a", None), Err(Refusal::NoAccount));
}

#[test]
fn a_code_opens_once_and_so_does_a_ticket() {
    let mut world = World::new();
    world.offer("a", None).expect("offered");
    world.turn_on("a", 10).expect("on");
    for ticket in 1..=6 {
        world.ticket(ticket, TicketPurpose::Code);
    }
    world.ticket(7, TicketPurpose::SetUp);
    assert_eq!(world.enter(1, step("a", 10), 1), Err(Refusal::CodeUsed), "it turned the factor on");
    assert_eq!(world.enter(9, step("a", 11), 1), Err(Refusal::TicketOver), "no such ticket");
    assert_eq!(world.enter(7, step("a", 11), 1), Err(Refusal::TicketOver), "a ticket for something else");
    assert_eq!(Refusal::TicketOver.code(), Code::InvalidToken);

    // Two at once with one code: whoever comes second sees it used.
    let both = [world.entering(1, step("a", 11), 1), world.entering(2, step("a", 11), 2)];
    let answers = world.run_together(Some(world.member), both);
    assert!(answers[0].is_ok() && answers[1] == Err(Refusal::CodeUsed), "{answers:?}");
    // And with one ticket.
    let both = [world.entering(2, step("a", 12), 2), world.entering(2, step("a", 13), 3)];
    let answers = world.run_together(Some(world.member), both);
    assert!(answers[0].is_ok() && answers[1] == Err(Refusal::TicketOver), "{answers:?}");
    assert_eq!(world.enter(3, step("a", 11), 3), Err(Refusal::CodeUsed), "an earlier step than the last one");
    assert_eq!(world.database.sessions.len(), 2);

    assert_eq!(world.enter(3, recovery(9), 3), Err(Refusal::CodeWrong));
    world.enter(3, recovery(1), 3).expect("in");
    assert_eq!(world.enter(4, recovery(1), 4), Err(Refusal::CodeWrong), "a recovery code opens once");
    assert_eq!(world.left(), 2);
    assert_eq!(world.audited()[1..], ["member.use_recovery_code"]);

    world.house.now = world.house.now.plus_millis(10 * MINUTE_MS);
    assert_eq!(world.enter(4, step("a", 40), 4), Err(Refusal::TicketOver), "too late");
}

#[test]
fn who_was_led_to_it_is_in_once_it_is_on() {
    let mut world = World::new();
    world.ticket(1, TicketPurpose::SetUp);
    world.ticket(2, TicketPurpose::Code);
    world.offer("a", None).expect("offered");
    let session = NewSession { token_hash: [9; 32], expires_at: world.house.now.plus_millis(MINUTE_MS) };
    let entry = |ticket: u8| Some(([ticket; 32], session.clone()));
    let command = TurnOnFactor { entry: entry(2), ..world.turning_on("a", 10) };
    assert_eq!(world.does(FactorCommand::TurnOnFactor(command)), Err(Refusal::TicketOver));
    let command = TurnOnFactor { entry: entry(1), ..world.turning_on("a", 10) };
    let answer = world.does(FactorCommand::TurnOnFactor(command));
    assert!(matches!(answer, Ok(Outcome::Session(_))), "{answer:?}");
    assert!(world.database.tickets[&[1; 32]].0.ended_at.is_some() && world.database.sessions.contains_key(&[9; 32]));

    // Turned on by somebody signed in, it ends what was opened without it.
    world.offer("b", Some(step("a", 11))).expect("offered");
    let command = TurnOnFactor { close: vec![[9; 32], [8; 32]], ..world.turning_on("b", 12) };
    world.does(FactorCommand::TurnOnFactor(command)).expect("on");
    assert!(world.database.sessions[&[9; 32]].0.revoked_at.is_some());
}

#[test]
fn it_is_given_up_with_a_code_and_taken_by_somebody_else() {
    let mut world = World::new();
    let (member, boss) = (world.member, world.boss);
    let off = |proof| FactorCommand::TurnOffFactor(TurnOffFactor { member, proof });
    let reset = || {
        Command::Factor(FactorCommand::ResetFactor(ResetFactor {
            member,
            reason: "phone lost".to_owned().try_into().expect("a note"),
        }))
    };
    assert_eq!(world.does(off(step("a", 10))), Err(Refusal::FactorOff));
    assert_eq!(world.run(Some(boss), reset()), Err(Refusal::FactorOff));
    world.offer("a", None).expect("offered");
    world.turn_on("a", 10).expect("on");
    let renew = |proof| FactorCommand::RenewRecovery(RenewRecovery { member, proof, recovery: hashes(20..30) });
    assert_eq!(world.does(renew(step("a", 10))), Err(Refusal::CodeUsed));
    world.does(renew(recovery(1))).expect("renewed");
    assert_eq!(world.left(), 10);
    assert_eq!(world.does(off(recovery(2))), Err(Refusal::CodeWrong), "the earlier codes are over");
    assert_eq!(world.does(off(step("b", 11))), Err(Refusal::CodeWrong));
    world.does(off(step("a", 11))).expect("off");

    world.offer("b", None).expect("offered");
    world.turn_on("b", 20).expect("on");
    assert_eq!(world.run(Some(member), reset()), Err(Refusal::Yourself), "no way around one's own code");
    world.run(Some(boss), reset()).expect("reset");
    assert_eq!(world.left(), 0);
    assert_eq!(
        world.audited()[1..],
        [
            "member.renew_recovery_codes",
            "member.turn_off_second_factor",
            "member.turn_on_second_factor",
            "member.reset_second_factor",
        ]
    );
    let record = world.database.audits.last().expect("a record");
    assert_eq!((record.actor, record.reason.as_deref()), (Some(boss), Some("phone lost")));
}

#[test]
fn a_new_key_and_a_new_password_change_what_they_should() {
    let mut world = World::new();
    world.offer("a", None).expect("offered");
    world.turn_on("a", 10).expect("on");
    let reseal = |from: &str, to: &str| {
        let (from, to) = (from.into(), to.into());
        Command::Factor(FactorCommand::ResealFactor(ResealFactor { member: world.member, from, to }))
    };
    let (other, right) = (reseal("x", "y"), reseal("a", "b"));
    world.run(None, other).expect("nothing to do");
    world.run(None, right).expect("resealed");
    world.ticket(1, TicketPurpose::Code);
    assert_eq!(world.enter(1, step("a", 11), 1), Err(Refusal::CodeWrong));
    assert_eq!(world.enter(1, step("b", 10), 1), Err(Refusal::CodeUsed), "what was used stays so");

    let password_hash = "a hash".to_owned();
    let set = SetPassword { member: world.member, password_hash, close: vec![[1; 32]] };
    world.run(None, Command::SetPassword(set)).expect("set");
    assert_eq!(world.enter(1, step("b", 11), 1), Err(Refusal::TicketOver), "the old password opened it");
}
