//! Double entry. A balance is the sum of its entries; every entry says what the balance was after it.

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, Cents, Currency, DepartmentId, DeviceId, Instant, MealId, MemberId, OrderId, OutOfRange, Overdraft,
    ProductId, RoundId, TransferId,
};

/// Accounts of the house itself. Their numbers are part of the data and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SystemAccount {
    /// Where money that administrators put into wallets comes from.
    Grants = 1,
    /// The other side of what administrators put right.
    Adjustments = 2,
    /// What WeChat Pay holds for us: below zero by what came in and has not gone back.
    Wechat = 3,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    Member(MemberId),
    Department(DepartmentId),
    /// What a meal has taken in. One account a meal, so that a busy meal never waits for another one's account row.
    Meal(MealId),
    /// Likewise for a product's pieces.
    Product(ProductId),
    /// And for a round's shares.
    Round(RoundId),
    /// And for what was taken from a cabinet.
    Device(DeviceId),
    System(SystemAccount),
}

impl Owner {
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Member(_) => "member",
            Self::Department(_) => "department",
            Self::Meal(_) => "meal",
            Self::Product(_) => "product",
            Self::Round(_) => "round",
            Self::Device(_) => "device",
            Self::System(_) => "system",
        }
    }

    #[must_use]
    pub fn id(self) -> i64 {
        match self {
            Self::Member(id) => id.get(),
            Self::Department(id) => id.get(),
            Self::Meal(id) => id.get(),
            Self::Product(id) => id.get(),
            Self::Round(id) => id.get(),
            Self::Device(id) => id.get(),
            Self::System(account) => account as i64,
        }
    }

    /// The owner's account in one currency. The id is computed, so nobody has to look it up before locking it. A number
    /// that somebody made up may be too large for an owner: its account is then the first or the last, which nobody has.
    #[must_use]
    pub fn account(self, currency: Currency) -> AccountId {
        let first = self.id().saturating_mul(2);
        AccountId::new(first.saturating_add(i64::from(currency == Currency::Ticket)))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub id: AccountId,
    pub owner: Owner,
    pub currency: Currency,
    pub balance: Cents,
    /// How many entries it has; the next entry's number is one more.
    pub entries: i64,
    /// Whose owner was erased: nothing is paid from it any more.
    #[serde(default)]
    pub is_closed: bool,
}

impl Account {
    #[must_use]
    pub fn open(owner: Owner, currency: Currency) -> Self {
        Self { id: owner.account(currency), owner, currency, balance: Cents::ZERO, entries: 0, is_closed: false }
    }

    /// The balance after `amount` more, where the account may go `overdraft` below zero (any way down where absent).
    /// Money coming in is never refused, however far below the floor the balance is.
    pub fn after(&self, amount: Cents, overdraft: Option<Overdraft>) -> Result<Cents, Blocked> {
        let balance = self.balance.plus(amount).map_err(|OutOfRange| Blocked::OutOfRange)?;
        match overdraft {
            Some(limit) if amount.is_negative() && balance < limit.floor() => Err(Blocked::BelowFloor),
            _ => Ok(balance),
        }
    }
}

/// What the stored entries of one account add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LedgerSum {
    pub sum: i64,
    pub count: i64,
    /// The highest number; the same as the count unless entries are missing.
    pub last: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocked {
    BelowFloor,
    OutOfRange,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    Grant,
    Adjustment,
    OrderCharge,
    OrderChange,
    OrderRefund,
    TopUp,
    TopUpRefund,
}

impl EntryKind {
    pub const ALL: [Self; 7] = [
        Self::Grant,
        Self::Adjustment,
        Self::OrderCharge,
        Self::OrderChange,
        Self::OrderRefund,
        Self::TopUp,
        Self::TopUpRefund,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Adjustment => "adjustment",
            Self::OrderCharge => "order_charge",
            Self::OrderChange => "order_change",
            Self::OrderRefund => "order_refund",
            Self::TopUp => "top_up",
            Self::TopUpRefund => "top_up_refund",
        }
    }
}

/// One line of one account's ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub account: AccountId,
    /// 1 for an account's first entry, without gaps.
    pub number: i64,
    pub transfer: TransferId,
    pub kind: EntryKind,
    pub order: Option<OrderId>,
    pub amount: Cents,
    pub balance_after: Cents,
    pub created_at: Instant,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_stops_going_out_but_never_coming_in() {
        let mut account = Account::open(Owner::Member(MemberId::new(9)), Currency::Cny);
        account.balance = Cents::new(-500);
        let prepaid = Some(Overdraft::NONE);
        assert_eq!(account.after(Cents::new(-1), prepaid), Err(Blocked::BelowFloor));
        assert_eq!(account.after(Cents::new(100), prepaid), Ok(Cents::new(-400)));
        assert_eq!(account.after(Cents::new(-500), Some(1000_u32.into())), Ok(Cents::new(-1000)));
        assert_eq!(account.after(Cents::new(-501), Some(1000_u32.into())), Err(Blocked::BelowFloor));
        assert_eq!(account.after(Cents::new(-501), None), Ok(Cents::new(-1001)));
    }

    #[test]
    fn accounts_of_one_owner_differ_by_currency_only() {
        let owner = Owner::Member(MemberId::new(21));
        assert_eq!(owner.account(Currency::Cny).get(), 42);
        assert_eq!(owner.account(Currency::Ticket).get(), 43);
    }

    #[test]
    fn a_number_too_large_for_an_owner_has_nobodys_account() {
        for number in [i64::MIN, i64::MIN + 21, 1 << 62, i64::MAX] {
            let account = Owner::Member(MemberId::new(number)).account(Currency::Ticket).get();
            assert!([i64::MIN, i64::MIN + 1, i64::MAX].contains(&account), "{number}: {account}");
        }
    }
}
