use std::collections::{BTreeMap, HashMap};

use super::notices::Notice;
use super::orders::{Order, Payment};
use super::refunds::Refund;
use super::score::ServiceOrder;
use super::score_permissions::Permission;

/// Everything that the simulated WeChat Pay remembers.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) orders: HashMap<String, Order>,
    /// By transaction id; orders and pay score deductions alike.
    pub(crate) payments: BTreeMap<String, Payment>,
    /// By the merchant's number; [`Book::add_refund`] adds.
    pub(crate) refunds: BTreeMap<String, Refund>,
    /// The merchant's refund numbers of each payment, and the transaction id of each paid order number, so that no call has to search.
    refunds_of: HashMap<String, Vec<String>>,
    paid_numbers: HashMap<String, String>,
    pub(super) service_orders: HashMap<String, ServiceOrder>,
    /// By authorization code.
    pub(super) permissions: BTreeMap<String, Permission>,
    pub(super) notices: BTreeMap<u64, Notice>,
    /// Bills that were applied for: token, address parameters, text, until when.
    pub(super) bill_files: HashMap<String, BillFile>,
    due: BTreeMap<(i64, u64), Due>,
    last_number: u64,
}

pub(super) struct BillFile {
    pub(super) bytes: Vec<u8>,
    pub(super) expires_at_ms: i64,
}

/// Something that happens by itself when its time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Due {
    Send(u64),
    PayOrder(String),
    SettleRefund(String),
    Deduct(String),
}

impl Book {
    /// A number that was not given out before.
    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(super) fn add_payment(&mut self, payment: Payment) {
        self.paid_numbers.insert(payment.out_trade_no.clone(), payment.transaction_id.clone());
        self.payments.insert(payment.transaction_id.clone(), payment);
    }

    pub(super) fn payment_of_number(&self, out_trade_no: &str) -> Option<&Payment> {
        self.payments.get(self.paid_numbers.get(out_trade_no)?)
    }

    pub(super) fn add_refund(&mut self, refund: Refund) {
        let numbers = self.refunds_of.entry(refund.transaction_id.clone()).or_default();
        numbers.push(refund.out_refund_no.clone());
        self.refunds.insert(refund.out_refund_no.clone(), refund);
    }

    pub(super) fn refunds_of(&self, transaction_id: &str) -> impl Iterator<Item = &Refund> {
        let numbers = self.refunds_of.get(transaction_id).into_iter().flatten();
        numbers.filter_map(|number| self.refunds.get(number))
    }

    pub(super) fn schedule(&mut self, at_ms: i64, what: Due) {
        let number = self.next_number();
        self.due.insert((at_ms, number), what);
    }

    /// Takes what is due, in order.
    pub(super) fn take_due(&mut self, now_ms: i64) -> Vec<Due> {
        let later = self.due.split_off(&(now_ms.saturating_add(1), 0));
        std::mem::replace(&mut self.due, later).into_values().collect()
    }

    pub(super) fn next_due_ms(&self) -> Option<i64> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// All that was paid, and all that was given back or will be.
    pub(crate) fn totals(&self) -> (i64, i64) {
        let paid = self.payments.values().map(|payment| payment.total).sum();
        let refunded = self.refunds.values().filter(|refund| refund.counts()).map(|refund| refund.amount).sum();
        (paid, refunded)
    }
}

#[cfg(test)]
mod tests {
    use super::{Book, Due};

    #[test]
    fn things_fall_due_in_order() {
        let mut book = Book::default();
        book.schedule(20, Due::Send(2));
        book.schedule(10, Due::Send(1));
        book.schedule(20, Due::Send(3));
        book.schedule(21, Due::Send(4));
        assert_eq!(book.take_due(9), []);
        assert_eq!(book.take_due(20), [Due::Send(1), Due::Send(2), Due::Send(3)]);
        assert_eq!((book.next_due_ms(), book.take_due(i64::MAX)), (Some(21), vec![Due::Send(4)]));
    }
}
