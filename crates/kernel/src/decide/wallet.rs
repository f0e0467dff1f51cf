use super::{members, orders};
use crate::draft::{Draft, Written};
use crate::{
    AccountId, AdjustDepartment, AdjustWallet, Blocked, Cents, Currency, Decision, DepartmentAccountOutcome,
    DepartmentId, EntryKind, Facts, FundDepartment, Grant, MemberId, Needs, Noun, Outcome, Overdraft, Owner, Refusal,
    SystemAccount, TransferId, WalletOutcome,
};

const GRANTS: Owner = Owner::System(SystemAccount::Grants);
const ADJUSTMENTS: Owner = Owner::System(SystemAccount::Adjustments);

pub(super) fn grant_needs(command: &Grant, needs: &mut Needs) {
    wallet_needs(command.member, GRANTS, needs);
}

pub(super) fn adjust_needs(command: &AdjustWallet, needs: &mut Needs) {
    wallet_needs(command.member, ADJUSTMENTS, needs);
}

pub(super) fn fund_department_needs(command: &FundDepartment, needs: &mut Needs) {
    department_needs(command.department, GRANTS, needs);
}

pub(super) fn adjust_department_needs(command: &AdjustDepartment, needs: &mut Needs) {
    department_needs(command.department, ADJUSTMENTS, needs);
}

fn wallet_needs(member: MemberId, other: Owner, needs: &mut Needs) {
    needs.members.insert(member);
    needs.accounts.extend([Owner::Member(member), other].map(|owner| owner.account(Currency::Cny)));
}

fn department_needs(department: DepartmentId, other: Owner, needs: &mut Needs) {
    needs.departments.insert(department);
    needs.accounts.extend([Owner::Department(department), other].map(|owner| owner.account(Currency::Cny)));
}

pub(super) fn grant(facts: &Facts, command: &Grant, draft: Draft<'_>) -> Result<Decision, Refusal> {
    let said = Said { kind: EntryKind::Grant, action: "wallet.grant", reason: command.reason.as_str() };
    let amount = granted(command.amount.cents())?;
    move_wallet(facts, command.member, (GRANTS, amount), &said, draft)
}

/// An administrator's word goes below any floor: it may be what takes back money that was never the member's. Out of a closed wallet it
/// takes what a late refund has brought there, and no more.
pub(super) fn adjust(facts: &Facts, command: &AdjustWallet, draft: Draft<'_>) -> Result<Decision, Refusal> {
    let said = Said { kind: EntryKind::Adjustment, action: "wallet.adjust", reason: command.reason.as_str() };
    let amount = adjusted(command.amount.cents())?;
    move_wallet(facts, command.member, (ADJUSTMENTS, amount), &said, draft)
}

pub(super) fn fund_department(facts: &Facts, command: &FundDepartment, draft: Draft<'_>) -> Result<Decision, Refusal> {
    let said = Said { kind: EntryKind::Grant, action: "department.fund", reason: command.reason.as_str() };
    let amount = granted(command.amount.cents())?;
    move_department(facts, command.department, (GRANTS, amount), &said, draft)
}

pub(super) fn adjust_department(
    facts: &Facts,
    command: &AdjustDepartment,
    draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let said = Said { kind: EntryKind::Adjustment, action: "department.adjust", reason: command.reason.as_str() };
    let amount = adjusted(command.amount.cents())?;
    move_department(facts, command.department, (ADJUSTMENTS, amount), &said, draft)
}

fn granted(amount: Cents) -> Result<Cents, Refusal> {
    if amount.is_positive() { Ok(amount) } else { Err(Refusal::AmountNotPositive) }
}

fn adjusted(amount: Cents) -> Result<Cents, Refusal> {
    if amount == Cents::ZERO { Err(Refusal::AmountZero) } else { Ok(amount) }
}

/// How a movement is called in the ledger and in the audit.
struct Said<'a> {
    kind: EntryKind,
    action: &'static str,
    reason: &'a str,
}

fn move_wallet(
    facts: &Facts,
    member: MemberId,
    (source, amount): (Owner, Cents),
    said: &Said<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let owner = members::existing(facts, member)?;
    let (account, source) = (owner.wallet(), source.account(Currency::Cny));
    if amount.is_positive() {
        orders::must_be_in_use(facts, owner)?;
    }
    must_move(facts, account, source, amount)?;

    // After this point it must succeed.
    let (transfer, balance) = moved(&mut draft, (source, account), amount, ("member", member.get()), said);
    Ok(draft.finish(Outcome::Wallet(WalletOutcome { member, transfer, amount, balance })))
}

fn move_department(
    facts: &Facts,
    department: DepartmentId,
    (source, amount): (Owner, Cents),
    said: &Said<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let account = super::departments::existing(facts, department)?.account();
    let source = source.account(Currency::Cny);
    must_move(facts, account, source, amount)?;

    // After this point it must succeed.
    let (transfer, balance) = moved(&mut draft, (source, account), amount, ("department", department.get()), said);
    let outcome = DepartmentAccountOutcome { department, transfer, amount, balance };
    Ok(draft.finish(Outcome::DepartmentAccount(outcome)))
}

/// Whether both accounts can hold what they will; a floor has only what is closed.
fn must_move(facts: &Facts, account: AccountId, source: AccountId, amount: Cents) -> Result<(), Refusal> {
    for (account, amount) in [(account, amount), (source, -amount)] {
        let account = facts.accounts.get(&account).ok_or(Refusal::NotFound { noun: Noun::Member })?;
        let floor = account.is_closed.then_some(Overdraft::NONE);
        account.after(amount, floor).map_err(|blocked| match blocked {
            Blocked::OutOfRange => Refusal::AmountOutOfRange,
            Blocked::BelowFloor => {
                Refusal::InsufficientBalance { balance: account.balance, needed: -amount, floor: Cents::ZERO }
            }
        })?;
    }
    Ok(())
}

fn moved(
    draft: &mut Draft<'_>,
    (source, account): (AccountId, AccountId),
    amount: Cents,
    object: (&'static str, i64),
    said: &Said<'_>,
) -> (TransferId, Cents) {
    let Some(transfer) = draft.transfer(said.kind, None, source, account, amount) else {
        unreachable!("the amount is not zero")
    };
    let balance = draft.balance(account);
    let before = balance_trace(Cents::new(balance.get() - amount.get()));
    let written = Written::change(&before, &balance_trace(balance)).because(said.reason);
    draft.audit(said.action, object, written);
    (transfer, balance)
}

fn balance_trace(balance: Cents) -> serde_json::Value {
    serde_json::json!({ "balance_cents": balance })
}
