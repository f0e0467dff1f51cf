//! Everything that can be asked to change. A command carries ids that its sender has looked up where those never change
//! (an order's meal), so that the rows to lock are known before the first read.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::{
    AccountId, AccountName, AlertCommand, CabinetCommand, Cents, Chosen, Counts, Date, DepartmentCode, DepartmentId,
    EraseMember, ErpCommand, ExceptionAction, ExceptionKind, FactorCommand, GroupOrderId, Instant, KeepReport, MealId,
    MealPatch, MemberId, MemberStatus, MenuOption, Needs, Note, NoteExport, NoteLook, Openid, OrderId, OrderStatus,
    Overdraft, PayClient, Payer, PaymentId, PaymentSource, PaysFor, Permissions, PickupWindow, Price, Quantity, Reason,
    RefundId, RoleCode, RoleGrant, RoleScope, RunId, ShopCommand, Slot, Step, Subscriber, SubscriptionId,
    SubscriptionStatus, Title, Weekdays,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    SignIn(SignIn),
    OpenSession(OpenSession),
    CloseSession(CloseSession),
    AddMember(AddMember),
    CreateDepartment(CreateDepartment),
    EditDepartment(EditDepartment),
    FundDepartment(FundDepartment),
    AdjustDepartment(AdjustDepartment),
    EditMember(EditMember),
    ChangeRole(ChangeRole),
    ImportMembers(ImportMembers),
    ImportDepartments(ImportDepartments),
    Grant(Grant),
    CreateMeal(CreateMeal),
    CopyMeals(CopyMeals),
    EditMeal(EditMeal),
    MealStep(MealStep),
    CancelMeal(CancelMeal),
    RepostMeal(RepostMeal),
    PlaceOrder(PlaceOrder),
    ModifyOrder(ModifyOrder),
    CancelOrder(CancelOrder),
    ProcessOrders(ProcessOrders),
    RedeemOrder(RedeemOrder),
    BookMeals(BookMeals),
    CancelGroupOrder(CancelGroupOrder),
    CreateSubscription(CreateSubscription),
    ChangeSubscription(ChangeSubscription),
    RunSubscription(RunSubscription),
    AdjustWallet(AdjustWallet),
    SetOverdraft(SetOverdraft),
    SetMemberStatus(SetMemberStatus),
    SetPassword(SetPassword),
    EraseMember(EraseMember),
    NoteExport(NoteExport),
    NoteLook(NoteLook),
    Factor(FactorCommand),
    Role(RoleCommand),
    RepairBalance(RepairBalance),
    RepairCapacity(RepairCapacity),
    RepairOrderStates(RepairOrderStates),
    RepairPool(RepairPool),
    StartJob(StartJob),
    RenewRun(RenewRun),
    EndRun(EndRun),
    PauseJob(PauseJob),
    CreateTopup(CreateTopup),
    AskPayment(AskPayment),
    EndPayment(EndPayment),
    CheckTopup(CheckTopup),
    SettlePayment(SettlePayment),
    RefundTopup(RefundTopup),
    NoteRefund(NoteRefund),
    RaiseException(RaiseException),
    ResolveException(ResolveException),
    AssignException(AssignException),
    Shop(ShopCommand),
    Cabinet(CabinetCommand),
    Erp(ErpCommand),
    Alert(AlertCommand),
    KeepReport(KeepReport),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    pub token_hash: [u8; 32],
    pub expires_at: Instant,
}

/// What we know of a person who signs in for the first time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub uid: String,
    pub nickname: String,
}

/// Somebody whom WeChat has vouched for; the first time makes the member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    pub openid: Openid,
    pub profile: Profile,
    pub session: NewSession,
}

/// Somebody whose password was right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSession {
    pub member: MemberId,
    pub session: NewSession,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseSession {
    /// Whose it has to be.
    pub member: MemberId,
    pub token_hash: [u8; 32],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddMember {
    pub profile: Profile,
    pub account: Option<AccountName>,
    /// As argon2 writes it; never the password itself.
    pub password_hash: Option<String>,
    pub openid: Option<Openid>,
    pub department: Option<DepartmentCode>,
    pub overdraft_limit: Option<Overdraft>,
    /// A department role is limited to the member's own department when `scoped` says so.
    pub grants: Vec<NewGrant>,
}

/// Whatever sessions and tickets it names end with the old password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetPassword {
    pub member: MemberId,
    /// As argon2 writes it; never the password itself.
    pub password_hash: String,
    pub close: Vec<[u8; 32]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewGrant {
    As(RoleGrant),
    InOwnDepartment(RoleCode),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateDepartment {
    pub code: DepartmentCode,
    pub name: Title,
    pub pays: Payer,
}

/// Absent fields stay as they are. Who pays is asked when an order is placed, so earlier orders keep their payer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditDepartment {
    pub department: DepartmentId,
    pub name: Option<Title>,
    pub pays: Option<Payer>,
    /// `Some(None)` takes the limit away.
    pub overdraft_limit: Option<Option<Overdraft>>,
    pub members_may_cancel: Option<bool>,
    pub reason: Note,
}

/// Money that an administrator puts into a department's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FundDepartment {
    pub department: DepartmentId,
    pub amount: Price,
    pub reason: Note,
}

/// Like [`AdjustWallet`], for a department's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdjustDepartment {
    pub department: DepartmentId,
    pub amount: Price,
    pub reason: Reason,
}

/// Absent fields stay as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditMember {
    pub member: MemberId,
    pub nickname: Option<Title>,
    /// What the member signs in with from now on. A password is given apart from it.
    pub account: Option<AccountName>,
    /// `Some(None)` leaves the member in no department.
    pub department: Option<Option<DepartmentCode>>,
    pub reason: Note,
}

/// Gives a member a role, or takes it. Who administers a department need not belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRole {
    pub member: MemberId,
    pub grant: RoleGrant,
    /// Whether the member holds it from now on.
    pub held: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleCommand {
    Create(CreateRole),
    Edit(EditRole),
    Delete(DeleteRole),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateRole {
    pub code: RoleCode,
    pub name_zh: Title,
    pub name_en: Title,
    /// Stays as it is: those who hold the role hold it there.
    pub scope: RoleScope,
    pub permissions: Permissions,
}

/// What the role is from now on, for everybody who holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditRole {
    pub code: RoleCode,
    /// What it was when it was looked at.
    pub seen: i64,
    pub name_zh: Title,
    pub name_en: Title,
    pub permissions: Permissions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeleteRole {
    pub code: RoleCode,
    pub seen: i64,
}

impl RoleCommand {
    pub(crate) fn code(&self) -> RoleCode {
        match self {
            Self::Create(CreateRole { code, .. })
            | Self::Edit(EditRole { code, .. })
            | Self::Delete(DeleteRole { code, .. }) => *code,
        }
    }
}

/// Members out of a file: new ones, and changes of those that are there. All rows or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportMembers {
    pub lines: Vec<MemberLine>,
    /// The token of the plan that somebody has seen. Without one, whatever the file comes to now.
    pub agreed: Option<String>,
}

/// Absent fields stay as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberLine {
    /// As its sender counts.
    pub number: i64,
    /// Who it is; absent where the account says it, or where it is somebody new.
    pub member: Option<MemberId>,
    pub account: Option<AccountName>,
    pub nickname: Option<Title>,
    pub department: Option<DepartmentCode>,
    /// What the member gets where it is somebody new.
    pub uid: String,
}

/// Like [`ImportMembers`], for departments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportDepartments {
    pub lines: Vec<DepartmentLine>,
    pub agreed: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepartmentLine {
    pub number: i64,
    pub code: DepartmentCode,
    pub name: Option<Title>,
    pub pays: Option<Payer>,
    pub members_may_cancel: Option<bool>,
}

/// Money that an administrator puts into a wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub member: MemberId,
    pub amount: Price,
    pub reason: Note,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateMeal {
    pub date: Date,
    pub slot: Slot,
    pub title: Option<Title>,
    pub description: Note,
    pub base_price: Price,
    pub capacity: i64,
    pub options: Vec<MenuOption>,
    pub orders_close_at: Option<Instant>,
    pub pickup_windows: Vec<PickupWindow>,
    pub publish: bool,
}

/// New drafts after the pattern of meals that are there, each by itself: one that cannot be made stops no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyMeals {
    pub copies: Vec<MealCopy>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MealCopy {
    pub source: MealId,
    pub meal: CreateMeal,
}

/// An edit that leaves every order as it is; one that cannot is refused with the reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditMeal {
    pub meal: MealId,
    pub patch: MealPatch,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MealStep {
    pub meal: MealId,
    pub step: Step,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelMeal {
    pub meal: MealId,
    pub reason: Note,
}

/// Refund every order, apply the patch, stay published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepostMeal {
    pub meal: MealId,
    pub patch: MealPatch,
    pub reason: Note,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceOrder {
    pub member: MemberId,
    pub meal: MealId,
    pub quantity: Quantity,
    pub options: Vec<Chosen>,
    pub notes: Note,
    /// When it will be fetched.
    pub pickup_window: Option<PickupWindow>,
}

/// Absent fields stay as they are; the price is made anew from the meal as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModifyOrder {
    pub order: OrderId,
    pub meal: MealId,
    pub quantity: Option<Quantity>,
    pub options: Option<Vec<Chosen>>,
    pub notes: Option<Note>,
    /// `Some(None)` leaves the time open.
    pub pickup_window: Option<Option<PickupWindow>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelOrder {
    pub order: OrderId,
    pub meal: MealId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderAction {
    Complete,
    Cancel,
    Refund,
}

impl OrderAction {
    #[must_use]
    pub fn ends_in(self) -> OrderStatus {
        match self {
            Self::Complete => OrderStatus::Completed,
            Self::Cancel => OrderStatus::Canceled,
            Self::Refund => OrderStatus::Refunded,
        }
    }
}

/// What an administrator does with anybody's orders, each by itself: one that cannot be processed stops no other. Deadlines and the
/// meal's state bind owners only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessOrders {
    /// Each with its meal. A map, because nobody is to be refunded twice.
    pub orders: BTreeMap<OrderId, MealId>,
    pub action: OrderAction,
    pub reason: Note,
}

/// Hands an order out, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedeemOrder {
    pub order: OrderId,
    pub meal: MealId,
}

/// Books meals for members of one department. Each booking is all or nothing for its members; a booking that is refused leaves
/// the others as they are, unless the batch is `atomic`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookMeals {
    pub department: DepartmentId,
    pub bookings: Vec<Booking>,
    pub atomic: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// What its sender calls it by.
    pub number: i64,
    pub date: Date,
    pub slot: Slot,
    /// Absent where nobody is known by what the sender was given.
    pub members: Vec<Option<MemberId>>,
    pub remark: Note,
}

/// What a department calls off of what it booked: those of the orders that are not over yet, all or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelGroupOrder {
    pub group_order: GroupOrderId,
    pub meal: MealId,
    /// Which orders belong together never changes, so whoever asks has looked them up.
    pub orders: BTreeSet<OrderId>,
}

/// Begins to book a slot's meals until told otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateSubscription {
    pub owner: Subscriber,
    /// Whom a department books for; a member books for nobody else.
    pub members: Vec<MemberId>,
    pub slot: Slot,
    pub weekdays: Weekdays,
    pub first_date: Date,
    pub last_date: Option<Date>,
    pub notes: Note,
    pub pickup_window: Option<PickupWindow>,
}

/// Pauses, resumes or ends it. Orders that it has made stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSubscription {
    pub subscription: SubscriptionId,
    /// Whose it has to be.
    pub owner: Subscriber,
    pub status: SubscriptionStatus,
}

/// Books a meal for a subscription's members, once: each by itself, and whoever cannot be booked is told why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSubscription {
    pub subscription: SubscriptionId,
    pub meal: MealId,
}

/// Money put into a wallet or taken out of it to set something right. No floor stops it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdjustWallet {
    pub member: MemberId,
    pub amount: Price,
    pub reason: Reason,
}

/// Without a limit of its own, a wallet follows the rule of the house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetOverdraft {
    pub member: MemberId,
    pub limit: Option<Overdraft>,
    pub reason: Note,
}

/// Disabling closes nothing: every use of a session looks at the member's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetMemberStatus {
    pub member: MemberId,
    pub status: MemberStatus,
    pub reason: Note,
}

/// Sets an account's balance to what its entries add up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairBalance {
    pub account: AccountId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CapacityStrategy {
    /// The newest orders go first, whole; the last of them may only shrink.
    CancelLatest,
    /// Every order gives up its share.
    ReduceProportional,
}

impl CapacityStrategy {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CancelLatest => "cancel_latest",
            Self::ReduceProportional => "reduce_proportional",
        }
    }
}

impl FromStr for CapacityStrategy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = [Self::CancelLatest, Self::ReduceProportional];
        let found = known.into_iter().find(|strategy| strategy.as_str() == text);
        found.ok_or("the strategies are cancel_latest and reduce_proportional")
    }
}

/// Cuts a meal's open orders down to its capacity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairCapacity {
    pub meal: MealId,
    pub strategy: CapacityStrategy,
}

/// Brings the orders that a meal's state rules out to what that state says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairOrderStates {
    pub meal: MealId,
}

/// Sets a meal's pool and its holds to what the standing orders say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairPool {
    pub meal: MealId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The scheduler, which has seen `after` as the job's last run: whoever else has seen that too comes second.
    Schedule { after: Option<RunId> },
    /// Somebody, whether the job is due and paused or not.
    Hand,
}

/// Begins a run of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartJob {
    pub job: String,
    pub node: i64,
    /// Drawn anew for every run that is asked for.
    pub claim: i64,
    pub lease_ms: i64,
    pub trigger: Trigger,
}

/// Keeps a run's lease, while nobody has taken the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewRun {
    pub run: RunId,
    pub claim: i64,
    pub lease_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndRun {
    pub run: RunId,
    pub claim: i64,
    pub result: Result<Counts, String>,
}

/// Stops the schedule of a job, or lets it go on. A run that has begun is not touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseJob {
    pub job: String,
    pub paused: bool,
}

/// Begins a top-up, and the first attempt to make it payable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTopup {
    pub order_no: String,
    pub member: MemberId,
    pub amount: Price,
    pub client: PayClient,
    pub expires_at: Instant,
    /// When WeChat is asked about it for the first time, if nothing is heard of it before.
    pub first_check_at: Instant,
}

/// Begins another attempt to make an order payable, under its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskPayment {
    pub topup: OrderId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentEnd {
    Accepted,
    /// `for_good` where asking again would be refused again.
    Refused {
        error: String,
        for_good: bool,
    },
}

/// How an attempt went. One whose outcome is not known stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndPayment {
    pub topup: OrderId,
    pub payment: PaymentId,
    pub end: PaymentEnd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopupSeen {
    Unpaid,
    /// Nobody can pay it any more.
    Closed,
    /// WeChat does not know it, or not yet.
    NotFound,
    /// WeChat could not be asked, or said nothing that counts.
    Unknown,
}

/// What WeChat says of an order that it does not say is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckTopup {
    pub topup: OrderId,
    pub saw: TopupSeen,
    /// How long to wait after the first check in vain.
    pub wait_ms: i64,
}

/// WeChat says that an order is paid, by whatever way the news came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettlePayment {
    pub order_no: String,
    /// The order of that number, if there is one.
    pub topup: Option<OrderId>,
    pub transaction_id: String,
    pub total: Cents,
    pub currency: String,
    pub paid_at: Instant,
    pub source: PaymentSource,
    /// What the top-up says that it pays for.
    pub pays_for: Option<PaysFor>,
}

/// Begins to give a part of a payment back to where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundTopup {
    pub topup: OrderId,
    pub refund_no: String,
    pub amount: Price,
    pub reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundSeen {
    Processing,
    Succeeded,
    Abnormal,
    /// WeChat has closed or refused it: it will never be paid out.
    Failed {
        error: String,
    },
    OtherAmount {
        amount: Cents,
    },
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteRefund {
    pub refund: RefundId,
    pub saw: RefundSeen,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaiseException {
    pub kind: ExceptionKind,
    pub subject: String,
    /// JSON.
    pub evidence: String,
    pub proposed: ExceptionAction,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveException {
    pub exception: i64,
    pub action: ExceptionAction,
    pub note: Reason,
    /// What a refund is to be called, should the action begin one.
    pub refund_no: String,
    /// Whose money it is, as WeChat says, where the books do not know the order.
    /// The index of it.
    pub payer_openid: Option<[u8; 32]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignException {
    pub exception: i64,
    pub owner: Option<MemberId>,
    /// Until when; as it is where absent.
    pub due_at: Option<Instant>,
}

impl Command {
    /// The rows that deciding this takes, as far as `facts` lets one know. Called again after each load, until nothing new is
    /// named; a row that is named stays named.
    pub fn needs(&self, facts: &Facts, needs: &mut Needs) {
        crate::decide::needs(self, facts, needs);
    }

    /// The busiest thing it touches. Commands with the same one go through the same lane.
    #[must_use]
    pub fn lane_key(&self) -> i64 {
        match self {
            Self::EditMeal(EditMeal { meal, .. })
            | Self::MealStep(MealStep { meal, .. })
            | Self::CancelMeal(CancelMeal { meal, .. })
            | Self::RepostMeal(RepostMeal { meal, .. })
            | Self::PlaceOrder(PlaceOrder { meal, .. })
            | Self::ModifyOrder(ModifyOrder { meal, .. })
            | Self::CancelOrder(CancelOrder { meal, .. })
            | Self::RedeemOrder(RedeemOrder { meal, .. })
            | Self::CancelGroupOrder(CancelGroupOrder { meal, .. })
            | Self::RunSubscription(RunSubscription { meal, .. })
            | Self::RepairCapacity(RepairCapacity { meal, .. })
            | Self::RepairOrderStates(RepairOrderStates { meal })
            | Self::RepairPool(RepairPool { meal }) => meal.get(),
            // They may be of several meals; most often they are not.
            Self::ProcessOrders(ProcessOrders { orders, .. }) => orders.values().next().map_or(0, |meal| meal.get()),
            Self::OpenSession(OpenSession { member, .. })
            | Self::SetOverdraft(SetOverdraft { member, .. })
            | Self::SetMemberStatus(SetMemberStatus { member, .. })
            | Self::SetPassword(SetPassword { member, .. })
            | Self::EraseMember(EraseMember { member, .. })
            | Self::NoteExport(NoteExport { member })
            | Self::NoteLook(NoteLook { member, .. })
            | Self::EditMember(EditMember { member, .. })
            | Self::ChangeRole(ChangeRole { member, .. }) => member.get(),
            Self::EditDepartment(EditDepartment { department, .. })
            | Self::FundDepartment(FundDepartment { department, .. })
            | Self::AdjustDepartment(AdjustDepartment { department, .. })
            | Self::BookMeals(BookMeals { department, .. }) => department.get(),
            // The owner's id, as everything else that touches the account.
            Self::RepairBalance(RepairBalance { account }) => account.get() / 2,
            Self::CreateSubscription(CreateSubscription { owner, .. })
            | Self::ChangeSubscription(ChangeSubscription { owner, .. }) => owner.id(),
            Self::Shop(command) => command.lane_key(),
            Self::Cabinet(command) => command.lane_key(),
            Self::Factor(command) => command.member().get(),
            Self::Erp(command) => command.lane_key(),
            Self::CreateTopup(CreateTopup { member, .. }) => member.get(),
            Self::SettlePayment(SettlePayment { pays_for: Some(paid), .. }) => paid.goods.lane_key(),
            Self::AskPayment(AskPayment { topup })
            | Self::EndPayment(EndPayment { topup, .. })
            | Self::CheckTopup(CheckTopup { topup, .. })
            | Self::SettlePayment(SettlePayment { topup: Some(topup), .. })
            | Self::RefundTopup(RefundTopup { topup, .. }) => topup.get(),
            Self::SettlePayment(_)
            | Self::NoteRefund(_)
            | Self::RaiseException(_)
            | Self::ResolveException(_)
            | Self::AssignException(_)
            | Self::SignIn(_)
            | Self::CloseSession(_)
            | Self::AddMember(_)
            | Self::CreateDepartment(_)
            | Self::ImportMembers(_)
            | Self::ImportDepartments(_)
            | Self::Grant(_)
            | Self::AdjustWallet(_)
            | Self::CreateMeal(_)
            | Self::StartJob(_)
            | Self::RenewRun(_)
            | Self::EndRun(_)
            | Self::PauseJob(_)
            | Self::Alert(_)
            | Self::Role(_)
            | Self::KeepReport(_)
            | Self::CopyMeals(_) => 0,
        }
    }

    /// Whether it reads or writes many orders, or changes who pays, and with that which rows the commands behind it need: such a
    /// command gets a batch of its own.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        if let Self::Shop(command) = self {
            return command.is_wide();
        }
        matches!(
            self,
            Self::MealStep(_)
                | Self::EditDepartment(EditDepartment { pays: Some(_), .. })
                | Self::EditMember(EditMember { department: Some(_), .. })
                | Self::EraseMember(_)
                | Self::ImportMembers(_)
                | Self::ImportDepartments(_)
                | Self::BookMeals(_)
                | Self::CancelMeal(_)
                | Self::RepostMeal(_)
                | Self::RepairCapacity(_)
                | Self::RepairOrderStates(_)
                | Self::RepairPool(_)
        )
    }
}
