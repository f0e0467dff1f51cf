//! The auditor's books of the money that comes and goes through WeChat. Nobody need acknowledge any of it: the service hears of it when
//! it hears of it. So what is stored is held against WeChat's own books, step by step, and at the end both have to be the same.

use std::collections::BTreeMap;

use kernel::MemberId;
use sim::RefundOutcome;
use sim::unplugged::{Payment, Refund};

use crate::books::Wrong;
use crate::stored::{StoredRefund, StoredTopup};

macro_rules! must {
    ($holds:expr, $($words:tt)+) => {
        if !$holds {
            return Err(format!($($words)+));
        }
    };
}

#[derive(Debug, Default)]
pub(crate) struct Till {
    /// How often a member has asked for a top-up of an amount, each key once.
    asked: BTreeMap<(i64, i64), usize>,
    /// The top-up that each key was answered with.
    answered: BTreeMap<u64, i64>,
    topups: BTreeMap<i64, StoredTopup>,
    refunds: BTreeMap<i64, StoredRefund>,
}

/// Money that has come into a wallet, or has gone out of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) member: MemberId,
    pub(crate) amount: i64,
}

/// What a top-up may become, from one look of the auditor's to the next.
fn may_become(from: &str, to: &str) -> bool {
    match from {
        "pending" => true,
        "expired" | "failed" => to != "pending",
        // What has come in is never forgotten.
        "paid" | "refunding" | "refunded" => matches!(to, "paid" | "refunding" | "refunded"),
        _ => false,
    }
}

fn refund_may_become(from: &str, to: &str) -> bool {
    match from {
        "succeeded" | "returned" => from == to,
        "processing" | "abnormal" => to != "asked",
        _ => true,
    }
}

impl Till {
    pub(crate) fn asked(&mut self, member: MemberId, amount: i64) {
        *self.asked.entry((member.get(), amount)).or_default() += 1;
    }

    /// An answer to `key`: the same one each time, for who asked and for what was asked.
    pub(crate) fn begun(
        &mut self,
        key: u64,
        topup: &kernel::Topup,
        member: MemberId,
        amount: i64,
    ) -> Result<(), Wrong> {
        let fits = topup.member == member && topup.amount.get() == amount;
        must!(fits, "{member:?} asked for {amount} cents and got {topup:?}");
        let before = self.answered.insert(key, topup.id.get());
        must!(before.is_none_or(|before| before == topup.id.get()), "{key} was answered with {before:?} and {topup:?}");
        let others = self.answered.iter().filter(|(other, id)| **other != key && **id == topup.id.get()).count();
        must!(others == 0, "{topup:?} answers another key as well");
        Ok(())
    }

    pub(crate) fn topups(&self) -> impl Iterator<Item = (i64, &StoredTopup)> {
        self.topups.iter().map(|(id, topup)| (*id, topup))
    }

    pub(crate) fn is_used(&self) -> bool {
        !self.topups.is_empty()
    }

    /// Holds what is stored against WeChat's books, and says what money has moved since the last time.
    pub(crate) fn take(
        &mut self,
        topups: &BTreeMap<i64, StoredTopup>,
        refunds: &BTreeMap<i64, StoredRefund>,
        payments: &[Payment],
        given_back: &[Refund],
    ) -> Result<Vec<Moved>, Wrong> {
        let mut moved = Vec::new();
        for (id, before) in &self.topups {
            must!(topups.contains_key(id), "top-up {id} is lost: {before:?}");
        }
        let mut made: BTreeMap<(i64, i64), usize> = BTreeMap::new();
        for (id, topup) in topups {
            // What pays for a shop order is that order's matter.
            if topup.pays_for.is_none() {
                *made.entry((topup.member, topup.amount)).or_default() += 1;
            }
            let before = self.topups.get(id);
            if let Some(before) = before {
                let same = (&before.order_no, before.member, before.amount, before.pays_for)
                    == (&topup.order_no, topup.member, topup.amount, topup.pays_for);
                must!(same, "top-up {id} was {before:?} and is {topup:?}");
                must!(may_become(&before.status, &topup.status), "top-up {id} was {before:?} and is {topup:?}");
            }
            let Some(transaction) = &topup.transaction else {
                let is_unpaid = matches!(topup.status.as_str(), "pending" | "expired" | "failed");
                must!(is_unpaid, "top-up {id} is {topup:?}, and WeChat's number is missing");
                continue;
            };
            let payment = payments.iter().find(|payment| payment.transaction_id == *transaction);
            let fits = |payment: &Payment| payment.out_trade_no == topup.order_no && payment.total == topup.amount;
            must!(payment.is_some_and(fits), "top-up {id} is {topup:?}, and WeChat has {payment:?}");
            if before.is_none_or(|before| before.transaction.is_none()) {
                moved.push(Moved { member: MemberId::new(topup.member), amount: topup.amount });
            }
        }
        for (what, made) in made {
            let asked = self.asked.get(&what).copied().unwrap_or(0);
            must!(made <= asked, "member {} asked {asked} times for {} cents, and has {made} top-ups", what.0, what.1);
        }
        self.take_refunds(topups, refunds, given_back, &mut moved)?;
        self.topups.clone_from(topups);
        self.refunds.clone_from(refunds);
        Ok(moved)
    }

    fn take_refunds(
        &self,
        topups: &BTreeMap<i64, StoredTopup>,
        refunds: &BTreeMap<i64, StoredRefund>,
        given_back: &[Refund],
        moved: &mut Vec<Moved>,
    ) -> Result<(), Wrong> {
        let mut owed: BTreeMap<i64, i64> = BTreeMap::new();
        for (id, refund) in refunds {
            let Some(topup) = topups.get(&refund.topup) else {
                return Err(format!("refund {id} is of nothing: {refund:?}"));
            };
            let member = MemberId::new(topup.member);
            let before = self.refunds.get(id);
            if let Some(before) = before {
                let same = (&before.refund_no, before.topup, before.amount)
                    == (&refund.refund_no, refund.topup, refund.amount);
                let may = same && refund_may_become(&before.state, &refund.state);
                must!(may, "refund {id} was {before:?} and is {refund:?}");
            } else {
                moved.push(Moved { member, amount: -refund.amount });
            }
            let theirs = given_back.iter().find(|theirs| theirs.out_refund_no == refund.refund_no);
            let ended = theirs.map(|theirs| theirs.ended);
            must!(
                theirs.is_none_or(|theirs| theirs.amount == refund.amount),
                "refund {id} is {refund:?}, and WeChat has {theirs:?}"
            );
            if refund.state == "returned" {
                if before.is_none_or(|before| before.state != "returned") {
                    moved.push(Moved { member, amount: refund.amount });
                }
                // Whatever is given back twice is given away.
                let is_nothing = matches!(ended, None | Some(Some(RefundOutcome::Closed)));
                must!(is_nothing, "refund {id} is back in the wallet, and WeChat has {theirs:?}");
            } else {
                *owed.entry(refund.topup).or_default() += refund.amount;
            }
            if refund.state == "succeeded" {
                let has_succeeded = ended == Some(Some(RefundOutcome::Success));
                must!(has_succeeded, "refund {id} is {refund:?}, and WeChat has {theirs:?}");
            }
        }
        for (id, topup) in topups {
            let owed = owed.get(id).copied().unwrap_or(0);
            let told = topup.refunded.unwrap_or(0);
            must!(owed == told && owed <= topup.amount, "{owed} cents go back of top-up {id}: {topup:?}");
        }
        Ok(())
    }

    /// What is not yet as it is at WeChat.
    pub(crate) fn open(&self, payments: &[Payment], given_back: &[Refund]) -> Option<String> {
        for payment in payments {
            let mut ours = self.topups.values();
            if !ours.any(|topup| topup.transaction.as_deref() == Some(payment.transaction_id.as_str())) {
                return Some(format!("WeChat was paid, and nobody has the money: {payment:?}"));
            }
        }
        if let Some(topup) = self.topups.values().find(|topup| topup.status == "pending") {
            return Some(format!("a top-up is still pending: {topup:?}"));
        }
        if let Some(refund) =
            self.refunds.values().find(|refund| !matches!(refund.state.as_str(), "succeeded" | "returned"))
        {
            let theirs = given_back.iter().find(|theirs| theirs.out_refund_no == refund.refund_no);
            return Some(format!("a refund is not over: {refund:?}, and WeChat has {theirs:?}"));
        }
        for theirs in given_back.iter().filter(|theirs| theirs.ended != Some(RefundOutcome::Closed)) {
            let mut ours = self.refunds.values();
            if !ours.any(|refund| refund.refund_no == theirs.out_refund_no && refund.state == "succeeded") {
                return Some(format!("WeChat has given back what the books have not: {theirs:?}"));
            }
        }
        None
    }
}
