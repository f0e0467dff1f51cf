//! Openings that are paid for by pay score, as `scenarios.txt` tells them. What each line has come to stands behind its arrow: the door,
//! the pay score order, the order and why it is not paid, and the yuan that the cabinet has taken through WeChat; the linked orders and
//! what goes back at WeChat, as far as there are any, and what is in the wallet; then what is owed to the outside since the line before (and
//! in how many seconds), and which exceptions are open. A refusal stands there by its name.
//!
//! | words | what happens |
//! |---|---|
//! | `opens` | the member asks for the door |
//! | `wechat running`, `unconfirmed`, `unknown`, `odd`, `refused`, `free`, `revoked`, `expired`, `missing` | what WeChat says |
//! | `wechat collecting 6.00`, `wechat paid 6.00 T1` | and of how much |
//! | `door opened`, `closed`, `failed` | what the vendor says |
//! | `taken COLA 2, RICE 1`, `taken nothing` | what it says was taken |
//! | `later 60` | seconds go by, and the opening is looked at |
//! | `pays`, `pays the rest` | the member pays with tickets, for the order or for the linked one that is due |
//! | `tickets 3000` | the member is given some |
//! | `corrects COLA 1`, `gives back 1.00` | a person does, the latter for a complaint |
//! | `refund processing`, `succeeded`, `failed`, `abnormal`, `unknown`, `other` | what WeChat says of the last refund |
//! | `settles KIND by ACTION` | a person settles an exception |

use kernel::{
    AddMember, CabinetCommand, CabinetOrder, CabinetOrderState, CabinetPay, CabinetRules, Cents, Command, Currency,
    DoorSeen, DoorSessionId, DoorStatus, ExceptionAction, ExceptionKind, ExceptionState, MemberId, NoteRefund,
    NoteScore, OpenDoor, Outcome, Owner, PaymentSource, Profile, Refund, RefundSeen, Refusal, ScoreEnd, ScoreSeen,
};

use super::support::openid;
use super::{World, goods, taken};

const SCENARIOS: &str = include_str!("scenarios.txt");

struct Scenario {
    world: World,
    member: MemberId,
    session: Option<DoorSessionId>,
    /// How much of the outbox has been told of.
    told: usize,
}

#[test]
fn openings_by_pay_score() {
    let mut scenario = None;
    for (number, line) in (1..).zip(SCENARIOS.lines()).filter(|(_, line)| !line.is_empty()) {
        if line.starts_with('#') {
            scenario = Some(Scenario::new());
            continue;
        }
        let scenario = scenario.as_mut().expect("a scenario begins with its title");
        let (words, expected) = line.split_once("->").expect("an arrow");
        let (words, expected) = (words.trim(), expected.trim());
        let came = scenario.follow(words).map_or_else(|refusal| name(&refusal), |()| scenario.now());
        assert_eq!(came, expected, "line {number}: {words}");
    }
}

#[test]
fn who_has_no_pay_score_is_told_so() {
    let mut scenario = Scenario::new();
    scenario.member = scenario.world.member(100_000);
    assert_eq!(scenario.follow("opens"), Err(Refusal::NoOpenid));
    let mut scenario = Scenario::new();
    scenario.world.house.cabinet.score_most = None;
    assert_eq!(scenario.follow("opens"), Err(Refusal::PayScoreMissing));
}

#[test]
fn a_payment_is_collected_for_one_opening() {
    let mut scenario = Scenario::new();
    for words in ["opens", "wechat running", "taken COLA 1", "wechat paid 3.00 T1"] {
        scenario.follow(words).expect("carried out");
    }
    assert_eq!(scenario.collected(), 300);
    for words in ["opens", "wechat running", "taken COLA 1", "wechat paid 3.00 T1"] {
        scenario.follow(words).expect("carried out");
    }
    assert!(scenario.now().ends_with("open pay_score_mismatch"));
    assert_eq!(scenario.collected(), 300, "the same payment is not collected twice");
    scenario.follow("wechat paid 3.00 T2").expect("carried out");
    assert_eq!(scenario.collected(), 600);
}

impl Scenario {
    fn new() -> Self {
        let mut world = World::new();
        world.house.cabinet = CabinetRules { score_most: Some(Cents::new(15_000)), ..CabinetRules::default() };
        let add = Command::AddMember(AddMember {
            profile: Profile { uid: "uid-li".to_owned(), nickname: "li".to_owned() },
            account: None,
            password_hash: None,
            openid: Some(openid("openid-li")),
            department: None,
            overdraft_limit: None,
            grants: Vec::new(),
        });
        let Ok(Outcome::Member { member }) = world.run(None, add) else { panic!("no member") };
        Self { world, member: member.id, session: None, told: 0 }
    }

    fn follow(&mut self, words: &str) -> Result<(), Refusal> {
        let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
        match verb {
            "opens" => {
                let open = OpenDoor { member: self.member, device: self.world.device, pay: CabinetPay::Wechat };
                let opened = self.world.run(Some(self.member), Command::Cabinet(CabinetCommand::OpenDoor(open)))?;
                self.session = Some(super::session_of(opened).id);
            }
            "wechat" => {
                let (session, device, member) = (self.session(), self.world.device, self.member);
                let note = NoteScore { session, device, member, saw: self.seen(rest) };
                self.world.house(CabinetCommand::NoteScore(note))?;
            }
            "door" => {
                let saw = match rest {
                    "opened" => DoorSeen::Opened,
                    "closed" => DoorSeen::Closed,
                    "failed" => DoorSeen::Failed { reason: "jammed".to_owned() },
                    other => panic!("a door is never {other}"),
                };
                let session = self.world.database.door_sessions[&self.session()].0.clone();
                self.world.see(&session, saw);
            }
            "taken" => {
                let goods = if rest == "nothing" { Vec::new() } else { goods(rest) };
                let price = |code: &str| if code == "RICE" { 5_000 } else { 300 };
                let amount = goods.iter().map(|&(code, quantity)| price(code) * quantity).sum();
                let goods = goods.iter().map(|&(code, quantity)| taken(code, quantity)).collect();
                let session = self.world.database.door_sessions[&self.session()].0.clone();
                self.world.settle(&session, &format!("V{}", session.id), amount, goods);
            }
            "later" => {
                self.world.later(rest.parse::<i64>().expect("seconds") * 1_000);
                let session = self.world.database.door_sessions[&self.session()].0.clone();
                self.world.lapse(&session);
            }
            "pays" if rest == "the rest" => {
                let mut orders = self.world.database.cabinet_orders.values().map(|(order, _)| order);
                let due = orders.find(|order| order.is_unpaid() && order.standing().is_none()).cloned();
                self.world.pay(&due.expect("a linked order"))?;
            }
            "pays" => drop(self.world.pay(&self.order().expect("an order"))?),
            "tickets" => drop(self.world.give(self.member, rest.parse().expect("tickets"))?),
            "corrects" => {
                let (clerk, order) = (self.world.member(0), self.order().expect("an order"));
                self.world.correct(clerk, order.id, &goods(rest), None)?;
            }
            "gives" => {
                let order = self.order().expect("an order");
                let open = self.world.database.complaints.values().map(|(complaint, _)| complaint.clone()).next();
                let complaint = open.map_or_else(|| self.world.complain(&order), Ok)?;
                self.world.give_back(&complaint, cents(rest.trim_start_matches("back ")).get())?;
            }
            "refund" => {
                let saw = match rest {
                    "processing" => RefundSeen::Processing,
                    "succeeded" => RefundSeen::Succeeded,
                    "failed" => RefundSeen::Failed { error: "NOT_ENOUGH".to_owned() },
                    "abnormal" => RefundSeen::Abnormal,
                    "unknown" => RefundSeen::Unknown,
                    "other" => RefundSeen::OtherAmount { amount: Cents::new(1) },
                    other => panic!("WeChat never says {other}"),
                };
                let refund = self.refunds().last().expect("a refund").id;
                self.world.run(None, Command::NoteRefund(NoteRefund { refund, saw }))?;
            }
            "settles" => {
                let (kind, action) = rest.split_once(" by ").expect("a kind and an action");
                let number = match self.refunds().last() {
                    Some(refund) if kind.starts_with("refund") => refund.refund_no.clone(),
                    _ => self.world.database.door_sessions[&self.session()].0.session_no.clone(),
                };
                let (kind, action): (ExceptionKind, ExceptionAction) =
                    (kind.parse().expect("a kind"), action.parse().expect("an action"));
                self.world.resolve(kind, &number, action)?;
            }
            other => panic!("no word {other}"),
        }
        Ok(())
    }

    fn seen(&self, words: &str) -> ScoreSeen {
        let words: Vec<_> = words.split(' ').collect();
        match words[..] {
            ["running"] => ScoreSeen::Running,
            ["unconfirmed"] => ScoreSeen::Unconfirmed,
            ["unknown"] => ScoreSeen::Unknown,
            ["odd"] => ScoreSeen::Odd { said: "MCH".to_owned() },
            ["refused"] => ScoreSeen::Refused { error: "INVALID_REQUEST".to_owned() },
            ["collecting", total] => ScoreSeen::Collecting { total: cents(total) },
            ["paid", total, transaction] => ScoreSeen::Paid {
                total: cents(total),
                transaction_id: transaction.to_owned(),
                paid_at: self.world.house.now,
                source: PaymentSource::Callback,
            },
            [end] => ScoreSeen::Ended(end.parse::<ScoreEnd>().expect("an end")),
            ref other => panic!("WeChat never says {other:?}"),
        }
    }

    fn session(&self) -> DoorSessionId {
        self.session.expect("an opening")
    }

    fn order(&self) -> Option<CabinetOrder> {
        let mut orders = self.world.database.cabinet_orders.values().map(|(order, _)| order);
        orders.find(|order| order.session == self.session() && order.standing().is_some()).cloned()
    }

    fn refunds(&self) -> Vec<Refund> {
        self.world.database.refunds.values().map(|(refund, _)| refund.clone()).collect()
    }

    fn collected(&self) -> i64 {
        self.world.database.balance(Owner::Device(self.world.device).account(Currency::Cny))
    }

    fn now(&mut self) -> String {
        let database = &self.world.database;
        let door: DoorStatus = database.door_sessions[&self.session()].0.status;
        let state = |order: &CabinetOrder| match order.state {
            CabinetOrderState::Unpaid { reason } => format!("unpaid:{}", reason.as_str()),
            CabinetOrderState::Paid { .. } => "paid".to_owned(),
            CabinetOrderState::Withdrawn { .. } => "withdrawn".to_owned(),
        };
        let order = self.order().map_or("none".to_owned(), |order| state(&order));
        let score = database.scores[&self.session()].0.state.as_str();
        let mut now = format!("{} {score} {order} {}", door.as_str(), Cents::new(self.collected()));
        for (linked, _) in database.cabinet_orders.values() {
            if linked.session == self.session() && linked.standing().is_none() {
                now += &format!(" and {} {}", state(linked), linked.total);
            }
        }
        for refund in self.refunds() {
            now += &format!(" back {} {}", refund.state.as_str(), refund.amount);
        }
        let wallet = database.balance(Owner::Member(self.member).account(Currency::Cny));
        if wallet != 0 {
            now += &format!(" wallet {}", Cents::new(wallet));
        }
        for (index, message) in database.outbox[self.told..].iter().enumerate() {
            let after_s = (message.due_at.as_millis() - self.world.house.now.as_millis()) / 1_000;
            now += if index == 0 { " owes " } else { " " };
            now += message.topic;
            now += &if after_s > 0 { format!("+{after_s}") } else { String::new() };
        }
        let exceptions = database.exceptions.values().map(|(exception, _)| exception);
        for exception in exceptions.filter(|exception| exception.state == ExceptionState::Open) {
            now += " open ";
            now += exception.kind.as_str();
        }
        self.told = database.outbox.len();
        now
    }
}

fn cents(yuan: &str) -> Cents {
    let (whole, part) = yuan.split_once('.').expect("yuan with two decimals");
    Cents::new(whole.parse::<i64>().expect("yuan") * 100 + part.parse::<i64>().expect("cents"))
}

/// As it is stored.
fn name(refusal: &Refusal) -> String {
    serde_json::to_value(refusal).expect("JSON")["refusal"].as_str().expect("a name").to_owned()
}
