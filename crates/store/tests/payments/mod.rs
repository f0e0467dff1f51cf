//! Money on its way in and out: its rows, what finds them, and what the database itself refuses.

use std::collections::BTreeSet;

use kernel::{
    Cents, Change, DoorSessionId, Exception, ExceptionAction, ExceptionKind, ExceptionState, MemberId, Needs, OrderId,
    PayClient, Payment, PaymentId, PaymentSource, PaymentState, Receipt, Refund, RefundId, RefundOf, RefundState,
    Topup, TopupState,
};
use store::lists::Page;
use store::queries::exceptions::ExceptionSorting;
use store::queries::{exceptions, topups};

use crate::common::{Home, TEXTS, at, insert, member, read, try_insert, try_write};

fn receipt(transaction_id: &str, paid_at: i64) -> Receipt {
    Receipt {
        transaction_id: transaction_id.to_owned(),
        paid_at: at(paid_at),
        source: PaymentSource::Bill,
        refunded: Cents::new(3),
    }
}

fn topup(id: i64, state: TopupState) -> Topup {
    Topup {
        id: OrderId::new(id),
        order_no: format!("RECH{id}"),
        member: MemberId::new(1),
        amount: Cents::new(1000 + id),
        client: [PayClient::Jsapi, PayClient::Native, PayClient::H5][usize::try_from(id % 3).expect("small")],
        state,
        pays_for: (id % 3 == 0).then(|| OrderId::new(500 + id)),
        expires_at: at(50),
        next_check_at: at(100 - id),
        checks: id,
        created_at: at(1),
        updated_at: at(2),
    }
}

/// One of each state, the payments ten apart.
fn topups_in_all_states() -> Vec<Topup> {
    let states = [
        TopupState::Pending,
        TopupState::Paid(receipt("T2", 20)),
        TopupState::Expired,
        TopupState::Failed { reason: TEXTS[1].to_owned() },
        TopupState::Refunding { receipt: receipt("T5", 50), refund: RefundId::new(7) },
        TopupState::Refunded(receipt("T6", 60)),
    ];
    (1..).zip(states).map(|(id, state)| topup(id, state)).collect()
}

fn refund(id: i64, state: RefundState) -> Refund {
    Refund {
        id: RefundId::new(id),
        refund_no: format!("REFD{id}"),
        of: RefundOf::Topup(OrderId::new(5)),
        amount: Cents::new(id),
        reason: TEXTS[2].to_owned(),
        state,
        next_check_at: at(100 - id),
        checks: id,
        created_at: at(id),
        updated_at: at(4),
    }
}

const REFUND_STATES: [RefundState; 5] =
    [RefundState::Asked, RefundState::Processing, RefundState::Abnormal, RefundState::Succeeded, RefundState::Returned];

fn exception(id: i64, kind: ExceptionKind, state: ExceptionState) -> Exception {
    Exception {
        id,
        kind,
        subject: TEXTS[0].to_owned(),
        evidence: r#"{"paid_cents":1}"#.to_owned(),
        proposed: ExceptionAction::ALL[usize::try_from(id).expect("small") % ExceptionAction::ALL.len()],
        state,
        owner: (id % 2 == 0).then_some(MemberId::new(1)),
        due_at: at(9),
        created_at: at(5),
        updated_at: at(6),
    }
}

fn resolved(action: ExceptionAction) -> ExceptionState {
    ExceptionState::Resolved { by: Some(MemberId::new(1)), at: at(7), action, note: TEXTS[4].to_owned() }
}

pub(crate) async fn payments_come_back_as_written(home: &Home) {
    let mut writer = home.migrated().await;
    let mut topups = topups_in_all_states();
    let ends = [PaymentState::Asked, PaymentState::Accepted, PaymentState::Refused { error: TEXTS[3].to_owned() }];
    let payment = |(id, state)| Payment { id: PaymentId::new(id), topup: OrderId::new(1), created_at: at(8), state };
    let mut payments: Vec<Payment> = (1..).zip(ends.clone()).map(payment).collect();
    let mut refunds: Vec<Refund> = (1..).zip(REFUND_STATES).map(|(id, state)| refund(id, state)).collect();
    let (session, order) = (DoorSessionId::new(3), OrderId::new(9));
    refunds.push(Refund { of: RefundOf::Score { session, order }, ..refund(6, RefundState::Asked) });
    let kinds = (0..).zip(ExceptionKind::ALL.iter().copied());
    let mut exceptions: Vec<Exception> = kinds.map(|(id, kind)| exception(id, kind, ExceptionState::Open)).collect();
    let changes = |topups: &[Topup], payments: &[Payment], refunds: &[Refund], exceptions: &[Exception]| {
        let mut changes: Vec<Change> = topups.iter().cloned().map(Change::Topup).collect();
        changes.extend(payments.iter().cloned().map(Change::Payment));
        changes.extend(refunds.iter().cloned().map(Change::Refund));
        changes.extend(exceptions.iter().cloned().map(Change::Exception));
        changes
    };
    insert(&mut writer, changes(&topups, &payments, &refunds, &exceptions)).await;
    let needs = Needs {
        topups: topups.iter().map(|topup| topup.id).collect(),
        payments: payments.iter().map(|payment| payment.id).collect(),
        refunds: refunds.iter().map(|refund| refund.id).collect(),
        exceptions: exceptions.iter().map(|exception| exception.id).collect(),
        transactions: ["T2".to_owned(), "T7".to_owned()].into(),
        open_exceptions: [
            (ExceptionKind::PaidTwice, TEXTS[0].to_owned()),
            (ExceptionKind::PaidTwice, "nothing of it".to_owned()),
        ]
        .into(),
        dismissed_exceptions: ExceptionKind::ALL.iter().map(|&kind| (kind, TEXTS[0].to_owned())).collect(),
        ..Needs::default()
    };
    let mut facts = read(&mut writer, &needs).await;
    topups.iter().for_each(|topup| assert_eq!(facts.topups.get(&topup.id), Some(topup)));
    payments.iter().for_each(|payment| assert_eq!(facts.payments.get(&payment.id), Some(payment)));
    refunds.iter().for_each(|refund| assert_eq!(facts.refunds.get(&refund.id), Some(refund)));
    exceptions.iter().for_each(|exception| assert_eq!(facts.exceptions.get(&exception.id), Some(exception)));
    assert_eq!(facts.topup_by_transaction.get(&"T2".to_owned()), Some(&OrderId::new(2)));
    assert_eq!(facts.topup_by_transaction.get(&"T7".to_owned()), None);
    let twice = exceptions.iter().find(|exception| exception.kind == ExceptionKind::PaidTwice).expect("every kind").id;
    assert_eq!(facts.open_exception.get(&(ExceptionKind::PaidTwice, TEXTS[0].to_owned())), Some(&twice));
    assert_eq!(facts.open_exception.get(&(ExceptionKind::PaidTwice, "nothing of it".to_owned())), None);
    assert_eq!(facts.dismissed_exceptions.get(&(ExceptionKind::PaidTwice, TEXTS[0].to_owned())), Some(&[].into()));

    // Each takes the state of the next one; a payment's number stays with nobody twice on the way.
    let states: Vec<TopupState> = topups.iter().map(|topup| topup.state.clone()).collect();
    for (at_place, topup) in topups.iter_mut().enumerate() {
        topup.state = match states[(at_place + 1) % states.len()].clone() {
            TopupState::Paid(receipt) => {
                TopupState::Paid(Receipt { transaction_id: format!("N{at_place}"), ..receipt })
            }
            TopupState::Refunding { receipt, refund } => {
                let receipt = Receipt { transaction_id: format!("N{at_place}"), ..receipt };
                TopupState::Refunding { receipt, refund }
            }
            TopupState::Refunded(receipt) => {
                TopupState::Refunded(Receipt { transaction_id: format!("N{at_place}"), ..receipt })
            }
            other => other,
        };
        topup.amount = Cents::new(topup.amount.get() + 1);
        topup.checks += 1;
    }
    payments.iter_mut().zip(ends.iter().cycle().skip(1)).for_each(|(payment, state)| payment.state = state.clone());
    let next = REFUND_STATES.iter().cycle().skip(1);
    refunds.iter_mut().zip(next).for_each(|(refund, state)| refund.state = *state);
    for (exception, action) in exceptions.iter_mut().zip(ExceptionAction::ALL.iter().cycle()) {
        exception.state = resolved(*action);
        exception.due_at = at(10);
    }
    facts.apply(changes(&topups, &payments, &refunds, &exceptions));
    try_write(&mut writer, &facts, &[]).await.expect("written");
    let facts = read(&mut writer, &needs).await;
    topups.iter().for_each(|topup| assert_eq!(facts.topups.get(&topup.id), Some(topup)));
    payments.iter().for_each(|payment| assert_eq!(facts.payments.get(&payment.id), Some(payment)));
    refunds.iter().for_each(|refund| assert_eq!(facts.refunds.get(&refund.id), Some(refund)));
    exceptions.iter().for_each(|exception| assert_eq!(facts.exceptions.get(&exception.id), Some(exception)));
    assert_eq!(facts.open_exception.get(&(ExceptionKind::PaidTwice, TEXTS[0].to_owned())), None, "it is settled");
    assert!(exceptions.iter().any(Exception::is_dismissed));
    for exception in &exceptions {
        let expected: BTreeSet<i64> = exception.is_dismissed().then_some(exception.id).into_iter().collect();
        let found = facts.dismissed_exceptions.get(&(exception.kind, exception.subject.clone()));
        assert_eq!(found, Some(&expected), "{:?}", exception.kind);
    }
}

/// What no decision may do, the database refuses as well.
pub(crate) async fn the_keys_of_payments_are_unique(home: &Home) {
    let mut writer = home.migrated().await;
    let open = |id| Change::Exception(exception(id, ExceptionKind::PaidTwice, ExceptionState::Open));
    insert(
        &mut writer,
        vec![
            Change::Topup(topup(1, TopupState::Paid(receipt("T1", 20)))),
            Change::Refund(refund(1, RefundState::Asked)),
            open(1),
        ],
    )
    .await;
    let same_number = Topup { order_no: "RECH1".to_owned(), ..topup(2, TopupState::Pending) };
    let same_refund = Refund { refund_no: "REFD1".to_owned(), ..refund(2, RefundState::Asked) };
    let refused = [
        ("a payment credits one order", Change::Topup(topup(2, TopupState::Paid(receipt("T1", 20))))),
        ("an order's number is its own", Change::Topup(same_number)),
        ("a refund's number is its own", Change::Refund(same_refund)),
        ("one exception of a kind is open for a subject", open(2)),
    ];
    for (why, change) in refused {
        assert!(try_insert(&mut writer, vec![change]).await.is_err(), "{why}");
    }
    // None of which keeps apart what is not the same.
    insert(
        &mut writer,
        vec![
            Change::Topup(topup(2, TopupState::Pending)),
            Change::Topup(topup(3, TopupState::Pending)),
            Change::Exception(exception(3, ExceptionKind::PaidTwice, resolved(ExceptionAction::Dismiss))),
            Change::Exception(exception(4, ExceptionKind::PaidTwice, resolved(ExceptionAction::Dismiss))),
        ],
    )
    .await;
}

pub(crate) async fn payments_are_found(home: &Home) {
    let mut writer = home.migrated().await;
    let store = home.store();
    let all = topups_in_all_states();
    let more = [topup(7, TopupState::Pending), Topup { member: MemberId::new(2), ..topup(8, TopupState::Pending) }];
    let refunds: Vec<Refund> = (1..).zip(REFUND_STATES).map(|(id, state)| refund(id, state)).collect();
    let mut changes = vec![Change::Member(member(1))];
    changes.extend(all.iter().chain(&more).cloned().map(Change::Topup));
    changes.extend(refunds.iter().cloned().map(Change::Refund));
    insert(&mut writer, changes).await;

    assert_eq!(topups::by_number(&store, "RECH4").await.expect("read"), Some(all[3].clone()));
    assert_eq!(topups::by_number(&store, "rech4").await.expect("read"), None);
    assert_eq!(topups::one(&store, OrderId::new(5)).await.expect("read"), Some(all[4].clone()));
    let ids = |found: &[Topup]| found.iter().map(|topup| topup.id.get()).collect::<Vec<_>>();
    let (page, total) = topups::of_member(&store, MemberId::new(1), 3, 1).await.expect("read");
    assert_eq!((ids(&page), total), (vec![5, 4, 2], 5), "newest first, without those that pay for a shop order");

    let due = async |now, limit| ids(&topups::due(&store, at(now), limit).await.expect("read"));
    assert_eq!(due(1000, 9).await, [8, 7, 1], "pending ones, the longest waiting first");
    assert_eq!(due(1000, 2).await, [8, 7]);
    assert_eq!(due(93, 9).await, [8, 7], "which are due");
    assert_eq!(due(91, 9).await, Vec::<i64>::new());

    let paid = topups::paid_between(&store, at(20), at(60)).await.expect("read");
    assert_eq!(ids(&paid), [2, 5], "from the first moment, without the last");
    let books = topups::books_between(&store, at(20), at(60)).await.expect("read");
    assert_eq!(books, [2, 1002 + 1005, 0, 0]);
    let books = topups::books_between(&store, at(1), at(6)).await.expect("read");
    assert_eq!(books, [0, 0, 4, 1 + 2 + 3 + 4], "what came back to the wallet did not go out");

    assert_eq!(topups::refund_by_number(&store, "REFD3").await.expect("read"), Some(refunds[2].clone()));
    assert_eq!(topups::refund_of(&store, RefundId::new(4)).await.expect("read"), Some(refunds[3].clone()));
    assert_eq!(topups::refunds_of(&store, OrderId::new(5)).await.expect("read"), refunds);
    assert_eq!(topups::refunds_of(&store, OrderId::new(1)).await.expect("read"), []);
    let due = topups::refunds_due(&store, at(1000), 9).await.expect("read");
    assert_eq!(due, [refunds[1].clone(), refunds[0].clone()], "neither what is over nor what waits for a person");
    assert_eq!(topups::refunds_due(&store, at(98), 9).await.expect("read"), [refunds[1].clone()]);
}

pub(crate) async fn callbacks_and_bills_are_kept(home: &Home) {
    let mut writer = home.migrated().await;
    let store = home.store();
    for (id, body) in [(1, &b"{}"[..]), (2, b""), (3, b"\0\xff")] {
        writer.keep_callback(id, "wechat-pay", body, 10 * id).await.expect("kept");
    }
    writer.callback_processed(1, 50).await.expect("marked");
    let waiting = topups::waiting_callbacks(&store, at(30), 9).await.expect("read");
    assert_eq!(waiting.iter().map(|row| (row.id, &row.body[..])).collect::<Vec<_>>(), [(2, &b""[..]), (3, b"\0\xff")]);
    assert_eq!(topups::waiting_callbacks(&store, at(29), 9).await.expect("read").len(), 1);
    assert_eq!(topups::waiting_callbacks(&store, at(30), 1).await.expect("read")[0].id, 2);

    for (date, totals) in [("2030-01-01", [1, 2, 3, 4, 5, 6]), ("2030-01-02", [0; 6]), ("2030-01-01", [9; 6])] {
        writer.keep_bill(date, "da39", b"bill", 70, totals).await.expect("kept");
    }
    let bills = topups::bills(&store, "2030-01-03", 9).await.expect("read");
    let seen: Vec<_> = bills.iter().map(|bill| (bill.date.to_string(), bill.payments, bill.exceptions)).collect();
    assert_eq!(seen, [("2030-01-02".to_owned(), 0, 0), ("2030-01-01".to_owned(), 9, 9)], "the last reading counts");
    assert_eq!(topups::bills(&store, "2030-01-02", 9).await.expect("read").len(), 1);
}

pub(crate) async fn exceptions_are_found(home: &Home) {
    let mut writer = home.migrated().await;
    let store = home.store();
    let other = |id| Exception {
        subject: format!("subject {id}"),
        ..exception(id, ExceptionKind::NotInBill, ExceptionState::Open)
    };
    let rows = [
        other(1),
        other(2),
        exception(3, ExceptionKind::DeliveryFailed, ExceptionState::Open),
        exception(4, ExceptionKind::NotInBill, resolved(ExceptionAction::Dismiss)),
    ];
    let mut changes = vec![Change::Member(member(1))];
    changes.extend(rows.iter().cloned().map(Change::Exception));
    insert(&mut writer, changes).await;
    let list = async |open, kind: Option<ExceptionKind>, before, limit| {
        let page = Page::after_id::<ExceptionSorting>(before, limit);
        let found = exceptions::list(&store, open, kind.map(ExceptionKind::as_str), &page).await.expect("read");
        found.into_iter().map(|shown| shown.row.exception.id).collect::<Vec<_>>()
    };
    assert_eq!(list(true, None, None, 9).await, [3, 2, 1], "newest first");
    assert_eq!(list(true, None, Some(3), 1).await, [2]);
    assert_eq!(list(true, Some(ExceptionKind::NotInBill), None, 9).await, [2, 1]);
    assert_eq!(list(false, None, None, 9).await, [4]);
    let page = Page::after_id::<ExceptionSorting>(None, 9);
    let shown = exceptions::list(&store, false, None, &page).await.expect("read");
    assert_eq!(shown[0].row.exception, rows[3]);
    assert_eq!(shown[0].row.owner, Some((MemberId::new(1), member(1).nickname)));
    assert_eq!(exceptions::one(&store, 2).await.expect("read"), Some(rows[1].clone()));
    assert_eq!(exceptions::one(&store, 9).await.expect("read"), None);
}
