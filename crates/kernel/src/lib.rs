//! The rules of Fanpiao, and nothing else.
//!
//! A command goes through three steps, each a plain function: [`Command::needs`] names the rows that the decision depends on,
//! [`decide`] looks at those rows and either refuses or lists everything that changes, and [`Facts::apply`] lets the next
//! command of the same batch see that list. Nothing here waits, reads a clock, draws a number or knows a database.

mod alert;
mod audit;
mod cabinet;
mod code;
mod command;
mod decide;
mod draft;
mod erasure;
mod erp;
mod factor;
mod facts;
mod id;
mod job;
mod known;
mod ledger;
mod meal;
mod member;
mod money;
mod order;
mod outcome;
mod pickup;
mod pool;
mod refusal;
mod report;
mod role;
mod sealed;
mod shop;
mod subscription;
mod text;
mod time;
mod topup;

pub use alert::{
    Alert, AlertArea, AlertChannel, AlertCommand, AlertFacts, AlertKey, AlertMessage, AlertNeeds, AlertNews, AlertRule,
    AlertState, AlertUnit, EndSilence, NoteRound, Silence, SilenceRule, ToldAlert, TryChannel,
};
pub use audit::{Actor, AuditRecord, OutboxMessage};
pub use cabinet::{
    AdjustTickets, AnswerComplaint, AssignComplaint, Bought, Busy, CabinetCommand, CabinetFacts, CabinetNeeds,
    CabinetOrder, CabinetOrderState, CabinetOrderType, CabinetPay, CabinetRules, Complaint, ComplaintReply,
    ComplaintStatus, CorrectCabinetOrder, Corrected, Correction, CorrectionState, CreateDevice, CreateStore,
    DecideCorrection, Device, DevicePatch, DoorSeen, DoorSession, DoorStatus, EditDevice, EditStore, FileComplaint,
    LapseDoor, MoveDeviceStock, NoteDevice, NoteDoor, NoteScore, OpenDoor, OrderPart, PayAttempt, PayCabinetOrder,
    RefundComplaint, RefuseCallback, ScoreCharge, ScoreEnd, ScoreOrder, ScoreSeen, ScoreState, SetPlanogram,
    SettleDoor, Settlement, Shelf, Shelved, Standing, Store, StoreKind, StorePatch, StoreProperty, Taken, UnpaidReason,
    Verdict,
};
pub use code::Code;
pub use command::{
    AddMember, AdjustDepartment, AdjustWallet, AskPayment, AssignException, BookMeals, Booking, CancelGroupOrder,
    CancelMeal, CancelOrder, CapacityStrategy, ChangeRole, ChangeSubscription, CheckTopup, CloseSession, Command,
    CopyMeals, CreateDepartment, CreateMeal, CreateRole, CreateSubscription, CreateTopup, DeleteRole, DepartmentLine,
    EditDepartment, EditMeal, EditMember, EditRole, EndPayment, EndRun, FundDepartment, Grant, ImportDepartments,
    ImportMembers, MealCopy, MealStep, MemberLine, ModifyOrder, NewGrant, NewSession, NoteRefund, OpenSession,
    OrderAction, PauseJob, PaymentEnd, PlaceOrder, ProcessOrders, Profile, RaiseException, RedeemOrder, RefundSeen,
    RefundTopup, RenewRun, RepairBalance, RepairCapacity, RepairOrderStates, RepairPool, RepostMeal, ResolveException,
    RoleCommand, RunSubscription, SetMemberStatus, SetOverdraft, SetPassword, SettlePayment, SignIn, StartJob,
    TopupSeen, Trigger,
};
pub use decide::{Context, Decision, IdSource, ShopRules, decide};
pub use erasure::{EraseMember, Erasure, Holdings, Look, NoteExport, NoteLook, OpenEnd, Traces};
pub use erp::{ErpCommand, ErpFacts, ErpNeeds, ErpProduct, SalesDocument, SendSales, TakeProduct};
pub use factor::{
    ActiveFactor, EnterWithFactor, FactorCommand, FactorOffer, FactorProof, OfferFactor, OpenTicket, ProofKind,
    RenewRecovery, ResealFactor, ResetFactor, SecondFactor, SignInTicket, TicketPurpose, TurnOffFactor, TurnOnFactor,
};
pub use facts::{Change, Facts, MOST_LAPSED, Needs};
pub use id::{
    AccountId, AlertId, ComplaintId, CorrectionId, DepartmentId, DeviceId, DoorSessionId, GroupOrderId, MealId,
    MemberId, OrderId, PaymentId, PoolId, ProductId, RefundId, ReportId, RoleId, RoundId, RunId, StoreId,
    SubscriptionId, TransferId,
};
pub use job::{Counts, Job, JobRun, RunState, RunStatus};
pub use known::{Dirty, Lookup, Table};
pub use ledger::{Account, Blocked, Entry, EntryKind, LedgerSum, Owner, SystemAccount};
pub use meal::{Chosen, Danger, Meal, MealOption, MealPatch, MealStatus, MenuOption, OptionId, Step, price};
pub use member::{Department, Member, MemberStatus, Payer, Session};
pub use money::{Cents, Currency, OutOfRange, Overdraft, Price, Quantity, Tickets};
pub use order::{GroupOrder, MealOrder, OrderStatus, numbered_order};
pub use outcome::{
    BalanceRepair, Booked, BookingOutcome, BookingRefused, CapacityRepair, ComplaintOutcome, CopiedMeal,
    CorrectionOutcome, CutOrder, DepartmentAccountOutcome, ErasureOutcome, FieldChange, GivenBack, GroupCancelOutcome,
    ImportOutcome, ImportedRow, MealOutcome, Moved, OrderCut, OrderOutcome, Outcome, PoolRepair, ProcessedOrder,
    ProductOutcome, RoundOutcome, RowAction, SessionOutcome, Settled, ShopOrderOutcome, StatesRepair, WalletOutcome,
    Warning,
};
pub use pickup::{PickupCode, PickupWindow, Shown, pickup_qr};
pub use pool::{Hold, HoldState, Pool};
pub use refusal::{Noun, Refusal};
pub use report::{
    AlertFigures, CabinetFigures, CountedFigures, DailyFigures, ExceptionFigures, Figures, HealthFigures, JobFigures,
    KeepReport, MealFigures, RaisedExceptions, RefundFigures, Report, ReportKind, ReportMessage, SettledExceptions,
    ShopFigures, TopupFigures, WaitingException, WalletFigures,
};
pub use role::{Grants, HouseRole, Permission, Permissions, Rights, Role, RoleCode, RoleGrant, RoleScope, Scope};
pub use sealed::{Openid, Sealed};
pub use shop::{
    BackTo, BeginShopPayment, CancelRound, CancelShopOrder, Claim, Claims, CloseRound, CreateProduct, CreateRound,
    Delivery, DrawRound, DrawSecret, EditProduct, ExpireShopOrders, Fulfilment, Goods, ImportProducts, MoveStock,
    NoteStuckOrder, PayShopOrder, PayWith, PaysFor, Picture, PictureKind, PlaceShopOrder, Product, ProductLine,
    ProductPatch, RefundShopOrder, ResolveStuckOrder, Round, RoundState, RoundStatus, ShareOwner, ShopCommand,
    ShopFacts, ShopNeeds, ShopOrder, ShopOrderState, ShopStatus, StepShopOrder, StockMovement, StuckOrder, draw,
    expiry_line,
};
pub use subscription::{Subscriber, Subscription, SubscriptionResult, SubscriptionRun, SubscriptionStatus, Weekdays};
pub use text::{
    AccountName, Address, ComplaintText, DepartmentCode, DeviceCode, InvalidText, Note, Notes, ProductCode, Reason,
    StoreCode, Title,
};
pub use time::{Date, Instant, InvalidTime, Slot};
pub use topup::{
    Exception, ExceptionAction, ExceptionKind, ExceptionState, PayClient, Payment, PaymentSource, PaymentState,
    Receipt, Refund, RefundOf, RefundState, Topup, TopupState, TopupStatus,
};
