//! Runs the scenarios of `tests/tables/*.txt`.
//!
//! A line that begins with `# ` starts a scenario on an empty database; `//` begins a remark. Every other line is one
//! statement, `subject verb … [-> expectation]`:
//!
//! ```text
//! now INSTANT                                  house overdraft AMOUNT | none
//! department NAME pays member | department     member NAME [in DEPARTMENT] [account A] [openid O] [overdraft X]
//!                                                          [role R | own R] [balance X]
//! meal NAME [on DATE] [at SLOT] price X capacity N [options NAME[#ID] X, …] [closes INSTANT] [title T] [published]
//! publish | lock | unlock | complete MEAL      cancel MEAL [because R]
//! edit | repost MEAL [price X] [capacity N] [options … | options none] [closes INSTANT | never] [title T | none] [because R]
//! NAME orders MEAL [xN] [with NAME, …] [note T] [for MEMBER]
//! NAME changes MEAL [xN] [with NAME, … | plain] [note T] [of MEMBER] [at MEAL]
//! NAME cancels MEAL [of MEMBER]                NAME grants MEMBER X [because R]      NAME adjusts MEMBER X because R
//! NAME processes complete | cancel | refund MEMBER's MEAL [at MEAL], … [because R]
//! copy MEAL, … to DATE
//! NAME limits MEMBER X | none [because R]      NAME disables | enables MEMBER [because R]
//! NAME books DEPARTMENT BOOKING and BOOKING … [atomically]
//!     a BOOKING:  MEAL | on DATE at SLOT for MEMBER, … [note T]
//! NAME calls off MEAL for MEMBER, …            NAME redeems MEMBER's MEAL
//! NAME edits DEPARTMENT [pays P] [overdraft X | none] [members may | may-not]
//! NAME funds DEPARTMENT X [because R]          NAME settles DEPARTMENT X because R
//! NAME appoints | dismisses MEMBER as ROLE [at DEPARTMENT]
//! NAME subscribes SUBSCRIPTION to SLOT [days 12345] [from DATE] [until DATE] [note T] [at DEPARTMENT for MEMBER, …]
//! NAME pauses | resumes | ends SUBSCRIPTION [at DEPARTMENT]             run SUBSCRIPTION for MEAL
//! import LINE and LINE … [as seen | as TOKEN]
//!     a LINE:     department CODE [name T] [pays P] [members may | may-not]
//!                 member [who is MEMBER] [account A] [name T] [in DEPARTMENT]
//!                 product [which is PRODUCT] [name T] [price X] [limit N] [on | off] [stock N]
//! NAME moves MEMBER [to DEPARTMENT | out] [name T] [account A] [because R]
//! repair balance ACCOUNT                       repair capacity MEAL latest | proportional
//! repair states MEAL                           repair pool MEAL
//! NAME signs in [as OPENID]                    NAME opens session        NAME closes session [of MEMBER [as own]]
//! NAME tops up X as ORDER                      NAME pays ORDER            NAME refunds X of ORDER as REFUND [because R]
//! wechat takes ORDER | refuses ORDER [once]    wechat says ORDER unpaid | closed | unknown | nothing
//! wechat tells of X for ORDER as TRANSACTION [in CURRENCY] [by callback | query | compensation | bill]
//! wechat notes REFUND processing | succeeded | failed | abnormal | nothing | X
//! raise KIND about SUBJECT [of X for ORDER] [proposing ACTION]
//! NAME resolves KIND about SUBJECT by ACTION [as REFUND] [because R]
//! NAME assigns KIND about SUBJECT to MEMBER | none [until INSTANT]
//! product NAME price X stock N [limit N] [off] shelve PRODUCT [price X] [limit N | none] [on | off] [pictures N]
//! stock PRODUCT N [because R]                  round NAME of PRODUCT shares N price X [limit N] [opens INSTANT] closes INSTANT
//! draw | close ROUND [at PRODUCT]              call off ROUND [at PRODUCT] [because R]
//! NAME buys GOODS [xN] as ORDER [later] [to ADDRESS] [for MEMBER]
//!     GOODS:  PRODUCT | ROUND | PRODUCT and ROUND          later: at WeChat, within the deadline
//! NAME pays for ORDER [at GOODS]               NAME begins PAYMENT for ORDER [at GOODS]
//! NAME drops ORDER [to PAYMENT as REFUND]      NAME returns ORDER [to PAYMENT as REFUND] [because R]
//! NAME brings ORDER to FULFILMENT              NAME frees ORDER [because R]
//! expire ORDER, …                              stick ORDER
//! given …      a row changed by hand, where no command does it (yet)
//! break …      a row changed so that the books no longer add up, until `mended` has looked at them again
//! expect …     what a row says
//! ```
//!
//! Without an expectation a statement must succeed. `ok KEY VALUE …` names parts of the answer, `CODE KEY VALUE …` the refusal's
//! code and parts of it. `house` is an actor without a member; `nobody`, `nothing` and `nowhere` are a member, a meal and a
//! department that do not exist; `whoever` is a member whom the sender has not found.

mod payments;
mod shop_words;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use kernel::{
    AccountId, AddMember, AdjustDepartment, AdjustWallet, BookMeals, Booking, BookingRefused, CancelGroupOrder,
    CancelMeal, CancelOrder, CapacityStrategy, Cents, ChangeRole, ChangeSubscription, Chosen, CloseSession, Command,
    CopyMeals, CreateDepartment, CreateMeal, CreateSubscription, Currency, Danger, DepartmentId, DepartmentLine,
    EditDepartment, EditMeal, EditMember, EraseMember, FundDepartment, Grant, GroupOrderId, HoldState,
    ImportDepartments, ImportMembers, ImportProducts, Instant, Look, MealCopy, MealId, MealOption, MealPatch,
    MealStatus, MealStep, MemberId, MemberLine, MemberStatus, MenuOption, ModifyOrder, NewGrant, NewSession, Note,
    NoteExport, NoteLook, OpenSession, OptionId, OrderAction, OrderCut, OrderId, OrderStatus, Outcome, Overdraft,
    Owner, Payer, PlaceOrder, Pool, ProcessOrders, Profile, Quantity, Reason, RedeemOrder, Refusal, RepairBalance,
    RepairCapacity, RepairOrderStates, RepairPool, RepostMeal, RoleGrant, RowAction, RunSubscription, Scope,
    SetMemberStatus, SetOverdraft, SetPassword, ShopCommand, SignIn, Slot, Step, Subscriber, SubscriptionId,
    SubscriptionResult, SubscriptionStatus, SystemAccount, Title,
};
use support::{Answer, Asked, Database, House, Ids, actor, check_books, system_account};

/// What went wrong with one statement, in words.
type Wrong = String;

#[test]
fn every_table_holds() {
    let mut failures = String::new();
    let mut covered = Covered::default();
    for file in tables() {
        let text = std::fs::read_to_string(&file).expect("a readable table");
        let name = file.file_name().expect("a file name").to_string_lossy().into_owned();
        run_table(&name, &text, &mut covered, &mut failures);
    }
    assert!(failures.is_empty(), "\n{failures}");
    assert_eq!(covered.missing(), Vec::<String>::new(), "no table has shown these");
}

#[test]
fn a_failure_names_the_line_and_both_answers() {
    let table = "# Wrong on purpose\nmember li\nmeal lunch price 15.00 capacity 1 published\nli orders lunch -> ok total 14.00\n";
    let mut failures = String::new();
    run_table("wrong.txt", table, &mut Covered::default(), &mut failures);
    assert!(failures.starts_with("wrong.txt:4: Wrong on purpose\n"), "{failures}");
    assert!(failures.contains("expected: ok total 14.00\n"), "{failures}");
    assert!(failures.contains("came:     ok ") && failures.contains(" total 15.00"), "{failures}");
}

fn tables() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tables");
    let files = std::fs::read_dir(folder).expect("the folder of tables");
    let mut files: Vec<_> = files.map(|file| file.expect("a table").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    assert!(!files.is_empty(), "there are no tables");
    files
}

fn run_table(name: &str, text: &str, covered: &mut Covered, failures: &mut String) {
    let mut scenario = Scenario::new();
    let mut title = "before the first scenario";
    let mut failed = false;
    for (index, line) in text.lines().enumerate() {
        if let Some(next) = line.strip_prefix("# ") {
            title = next;
            scenario = Scenario::new();
            failed = false;
        } else if !failed && !line.trim().is_empty() && !line.starts_with("//") {
            let held = catch_unwind(AssertUnwindSafe(|| scenario.statement(line, covered)));
            let held = held.unwrap_or_else(|panic| Err(format!("  panicked: {}", panic_text(&*panic))));
            if let Err(wrong) = held {
                // What follows in the scenario would only fail because of this.
                failed = true;
                let _ = writeln!(failures, "{name}:{}: {title}\n  {}\n{wrong}", index + 1, line.trim());
            }
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("?")
}

/// Which commands were carried out and which refusals came, over all tables.
#[derive(Default)]
struct Covered {
    commands: BTreeSet<&'static str>,
    refusals: BTreeSet<String>,
    dangers: BTreeSet<String>,
}

impl Covered {
    const COMMANDS: [&'static str; 50] = [
        "erase_member",
        "note_export",
        "note_look",
        "sign_in",
        "open_session",
        "close_session",
        "add_member",
        "create_department",
        "grant",
        "create_meal",
        "copy_meals",
        "edit_meal",
        "meal_step",
        "cancel_meal",
        "repost_meal",
        "place_order",
        "modify_order",
        "cancel_order",
        "process_orders",
        "redeem_order",
        "book_meals",
        "cancel_group_order",
        "edit_department",
        "fund_department",
        "adjust_department",
        "edit_member",
        "change_role",
        "import_members",
        "import_departments",
        "import_products",
        "create_subscription",
        "change_subscription",
        "run_subscription",
        "adjust_wallet",
        "set_overdraft",
        "set_member_status",
        "repair_balance",
        "repair_capacity",
        "repair_order_states",
        "repair_pool",
        "create_topup",
        "ask_payment",
        "end_payment",
        "check_topup",
        "settle_payment",
        "refund_topup",
        "note_refund",
        "raise_exception",
        "resolve_exception",
        "assign_exception",
    ];
    const REFUSALS: [&'static str; 54] = [
        "open_ends",
        "member_erased",
        "not_found",
        "not_yours",
        "yourself",
        "last_administrator",
        "role_of_all",
        "row_twice",
        "value_missing",
        "import_refused",
        "import_changed",
        "called_off",
        "subscription_not_active",
        "role_scope",
        "member_disabled",
        "account_taken",
        "openid_taken",
        "department_taken",
        "date_taken",
        "unknown_option",
        "option_chosen_twice",
        "option_id_twice",
        "meal_not_open",
        "orders_closed",
        "order_locked",
        "order_not_active",
        "duplicate_order",
        "meal_step",
        "meal_final",
        "dangerous_edit",
        "capacity_exceeded",
        "insufficient_balance",
        "amount_out_of_range",
        "amount_not_positive",
        "negative_price",
        "capacity_out_of_range",
        "amount_zero",
        "order_step",
        "orders_completed",
        "over_capacity",
        "entries_missing",
        "member_twice",
        "past_date",
        "not_in_department",
        "already_redeemed",
        "not_served_yet",
        "department_decides",
        "already_booked",
        "batch_refused",
        "topup_not_payable",
        "topup_not_refundable",
        "refund_too_large",
        "exception_resolved",
        "exception_action",
    ];
    const DANGERS: [&'static str; 4] = ["base_price_cents", "capacity", "option_removed", "option_price_cents"];

    fn note(&mut self, command: &Command, answer: &Answer) {
        match answer {
            Ok(outcome) => {
                self.commands.insert(command_name(command));
                let parts: Vec<&Refusal> = match outcome {
                    Outcome::Booking(outcome) => outcome.refused.iter().map(|refused| &refused.refusal).collect(),
                    Outcome::Import(import) => import.rows.iter().filter_map(|row| row.action.as_ref().err()).collect(),
                    Outcome::SubscriptionRun { run } => run.results.iter().flat_map(|one| &one.refusal).collect(),
                    _ => Vec::new(),
                };
                self.refusals.extend(parts.into_iter().map(|refusal| refusal_name(refusal).to_owned()));
            }
            Err(refusal) => {
                if let Refusal::BatchRefused { refused } = refusal {
                    self.note_refused(refused);
                }
                self.refusals.insert(refusal_name(refusal).to_owned());
                if let Refusal::DangerousEdit { dangers } = refusal {
                    self.dangers.extend(dangers.iter().map(|danger| danger_name(danger).to_owned()));
                }
            }
        }
    }

    fn note_refused(&mut self, refused: &[BookingRefused]) {
        self.refusals.extend(refused.iter().map(|refused| refusal_name(&refused.refusal).to_owned()));
    }

    fn missing(&self) -> Vec<String> {
        let commands = Self::COMMANDS.into_iter().chain(shop_words::COMMANDS);
        let commands = commands.filter(|name| !self.commands.contains(name));
        let refusals = Self::REFUSALS.into_iter().chain(shop_words::REFUSALS);
        let refusals = refusals.filter(|&name| !self.refusals.contains(name));
        let dangers = Self::DANGERS.into_iter().filter(|&name| !self.dangers.contains(name));
        commands.chain(refusals).chain(dangers).map(str::to_owned).collect()
    }
}

/// Where one order was to be processed, its refusal is the answer.
fn only(answer: Answer) -> Answer {
    if let Ok(Outcome::Orders { orders }) = &answer
        && let [order] = orders.as_slice()
        && let Err(refusal) = &order.refunded
    {
        return Err(refusal.clone());
    }
    answer
}

/// A new command does not compile here until a table covers it.
fn command_name(command: &Command) -> &'static str {
    match command {
        Command::SignIn(_) => "sign_in",
        Command::OpenSession(_) => "open_session",
        Command::CloseSession(_) => "close_session",
        Command::AddMember(_) => "add_member",
        Command::CreateDepartment(_) => "create_department",
        Command::Grant(_) => "grant",
        Command::CreateMeal(_) => "create_meal",
        Command::CopyMeals(_) => "copy_meals",
        Command::EditMeal(_) => "edit_meal",
        Command::MealStep(_) => "meal_step",
        Command::CancelMeal(_) => "cancel_meal",
        Command::RepostMeal(_) => "repost_meal",
        Command::PlaceOrder(_) => "place_order",
        Command::ModifyOrder(_) => "modify_order",
        Command::CancelOrder(_) => "cancel_order",
        Command::ProcessOrders(_) => "process_orders",
        Command::RedeemOrder(_) => "redeem_order",
        Command::BookMeals(_) => "book_meals",
        Command::CancelGroupOrder(_) => "cancel_group_order",
        Command::CreateSubscription(_) => "create_subscription",
        Command::ChangeSubscription(_) => "change_subscription",
        Command::RunSubscription(_) => "run_subscription",
        Command::EditDepartment(_) => "edit_department",
        Command::FundDepartment(_) => "fund_department",
        Command::AdjustDepartment(_) => "adjust_department",
        Command::EditMember(_) => "edit_member",
        Command::ChangeRole(_) => "change_role",
        Command::ImportMembers(_) => "import_members",
        Command::ImportDepartments(_) => "import_departments",
        Command::AdjustWallet(_) => "adjust_wallet",
        Command::SetOverdraft(_) => "set_overdraft",
        Command::SetMemberStatus(_) => "set_member_status",
        Command::SetPassword(_) => "set_password",
        Command::EraseMember(_) => "erase_member",
        Command::NoteExport(_) => "note_export",
        Command::NoteLook(_) => "note_look",
        Command::RepairBalance(_) => "repair_balance",
        Command::RepairCapacity(_) => "repair_capacity",
        Command::RepairOrderStates(_) => "repair_order_states",
        Command::RepairPool(_) => "repair_pool",
        // No table, but tests where the outside is: a lease.
        Command::StartJob(_) => "start_job",
        Command::RenewRun(_) => "renew_run",
        Command::EndRun(_) => "end_run",
        Command::PauseJob(_) => "pause_job",
        Command::CreateTopup(_) => "create_topup",
        Command::AskPayment(_) => "ask_payment",
        Command::EndPayment(_) => "end_payment",
        Command::CheckTopup(_) => "check_topup",
        Command::SettlePayment(_) => "settle_payment",
        Command::RefundTopup(_) => "refund_topup",
        Command::NoteRefund(_) => "note_refund",
        Command::RaiseException(_) => "raise_exception",
        Command::ResolveException(_) => "resolve_exception",
        Command::AssignException(_) => "assign_exception",
        Command::Shop(command) => shop_words::command_name(command),
        // They have tests of their own, in cabinets.rs.
        Command::Cabinet(_) => "cabinet",
        Command::Erp(_) => "erp",
        // In alerts.rs.
        Command::Alert(_) => "alert",
        Command::KeepReport(_) => "keep_report",
        // In factors.rs.
        Command::Factor(_) => "factor",
        // In roles.rs.
        Command::Role(_) => "role",
    }
}

fn refusal_name(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NotFound { .. } => "not_found",
        Refusal::NotYours => "not_yours",
        Refusal::Yourself => "yourself",
        Refusal::LastAdministrator => "last_administrator",
        Refusal::RoleOfAll => "role_of_all",
        Refusal::RowTwice { .. } => "row_twice",
        Refusal::ValueMissing { .. } => "value_missing",
        Refusal::ImportRefused { .. } => "import_refused",
        Refusal::ImportChanged => "import_changed",
        Refusal::RoleScope { .. } => "role_scope",
        Refusal::NoAccount => "no_account",
        Refusal::MemberDisabled => "member_disabled",
        Refusal::MemberErased => "member_erased",
        Refusal::OpenEnds { .. } => "open_ends",
        Refusal::AccountTaken { .. } => "account_taken",
        Refusal::OpenidTaken => "openid_taken",
        Refusal::DepartmentTaken { .. } => "department_taken",
        Refusal::DateTaken { .. } => "date_taken",
        Refusal::UnknownOption { .. } => "unknown_option",
        Refusal::OptionChosenTwice { .. } => "option_chosen_twice",
        Refusal::UnknownWindow { .. } => "unknown_window",
        Refusal::CalledOff => "called_off",
        Refusal::SubscriptionNotActive { .. } => "subscription_not_active",
        Refusal::OptionIdTwice { .. } => "option_id_twice",
        Refusal::MealNotOpen { .. } => "meal_not_open",
        Refusal::OrdersClosed { .. } => "orders_closed",
        Refusal::OrderLocked => "order_locked",
        Refusal::OrderNotActive { .. } => "order_not_active",
        Refusal::DuplicateOrder { .. } => "duplicate_order",
        Refusal::MealStep { .. } => "meal_step",
        Refusal::MealFinal { .. } => "meal_final",
        Refusal::DangerousEdit { .. } => "dangerous_edit",
        Refusal::CapacityExceeded { .. } => "capacity_exceeded",
        Refusal::InsufficientBalance { .. } => "insufficient_balance",
        Refusal::AmountOutOfRange => "amount_out_of_range",
        Refusal::AmountNotPositive => "amount_not_positive",
        Refusal::NegativePrice => "negative_price",
        Refusal::CapacityOutOfRange { .. } => "capacity_out_of_range",
        Refusal::AmountZero => "amount_zero",
        Refusal::OrderStep { .. } => "order_step",
        Refusal::OrdersCompleted { .. } => "orders_completed",
        Refusal::OverCapacity { .. } => "over_capacity",
        Refusal::EntriesMissing { .. } => "entries_missing",
        Refusal::MemberTwice => "member_twice",
        Refusal::PastDate { .. } => "past_date",
        Refusal::SilencePast => "silence_past",
        Refusal::NotInDepartment => "not_in_department",
        Refusal::AlreadyRedeemed { .. } => "already_redeemed",
        Refusal::NotServedYet { .. } => "not_served_yet",
        Refusal::DepartmentDecides => "department_decides",
        Refusal::AlreadyBooked => "already_booked",
        Refusal::BatchRefused { .. } => "batch_refused",
        Refusal::JobRunning { .. } => "job_running",
        Refusal::JobNotDue => "job_not_due",
        Refusal::NoOpenid => "no_openid",
        Refusal::TopupOutOfLimits { .. } => "topup_out_of_limits",
        Refusal::TopupNotPayable { .. } => "topup_not_payable",
        Refusal::TopupNotRefundable { .. } => "topup_not_refundable",
        Refusal::RefundTooLarge { .. } => "refund_too_large",
        Refusal::ExceptionResolved => "exception_resolved",
        Refusal::ExceptionAction { .. } => "exception_action",
        other => shop_words::refusal_name(other),
    }
}

fn danger_name(danger: &Danger) -> &'static str {
    match danger {
        Danger::BasePriceCents { .. } => "base_price_cents",
        Danger::Capacity { .. } => "capacity",
        Danger::OptionRemoved { .. } => "option_removed",
        Danger::OptionPriceCents { .. } => "option_price_cents",
    }
}

/// The words of a line, read from the left.
struct Words {
    words: Vec<String>,
    at: usize,
}

impl Words {
    /// Splits at spaces; quotes around a word keep its spaces, a comma after a word is a word of its own.
    fn of(text: &str) -> Result<Self, Wrong> {
        let mut words = Vec::new();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            if let Some(quote) = rest.chars().next().filter(|first| ['"', '\''].contains(first)) {
                let (word, after) = rest[1..].split_once(quote).ok_or("  a quote is not closed")?;
                words.push(word.to_owned());
                rest = after;
            } else {
                let end = rest.find([' ', ',']).unwrap_or(rest.len()).max(1);
                words.push(rest[..end].to_owned());
                rest = &rest[end..];
            }
            rest = rest.trim_start();
        }
        Ok(Self { words, at: 0 })
    }

    fn next(&mut self) -> Result<&str, Wrong> {
        let word = self.words.get(self.at).ok_or("  a word is missing at the end")?;
        self.at += 1;
        Ok(word)
    }

    /// Steps over `word`, which has to be next.
    fn expect(&mut self, word: &str) -> Result<(), Wrong> {
        if self.skip(word) { Ok(()) } else { Err(format!("  {word:?} is missing")) }
    }

    /// Steps over `word` if it is next.
    fn skip(&mut self, word: &str) -> bool {
        let is_next = self.words.get(self.at).is_some_and(|next| next == word);
        self.at += usize::from(is_next);
        is_next
    }

    fn parse<T>(&mut self) -> Result<T, Wrong>
    where
        T: std::str::FromStr,
    {
        let word = self.next()?;
        word.parse().map_err(|_| format!("  cannot read {word:?}"))
    }

    fn cents(&mut self) -> Result<i64, Wrong> {
        let word = self.next()?;
        cents(word).ok_or_else(|| format!("  {word:?} is no amount of yuan with two decimals"))
    }

    fn title(&mut self) -> Result<Title, Wrong> {
        Title::try_from(self.next()?.to_owned()).map_err(|error| format!("  {error}"))
    }

    fn note(&mut self) -> Result<Note, Wrong> {
        Note::try_from(self.next()?.to_owned()).map_err(|error| format!("  {error}"))
    }

    fn finish(&self) -> Result<(), Wrong> {
        match self.words.get(self.at) {
            None => Ok(()),
            Some(word) => Err(format!("  cannot make sense of {word:?} here")),
        }
    }
}

fn cents(text: &str) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (yuan, cents) = digits.split_once('.')?;
    if cents.len() != 2 {
        return None;
    }
    let amount: i64 = format!("{yuan}{cents}").parse().ok()?;
    Some(if negative { -amount } else { amount })
}

fn overdraft(cents: i64) -> Result<Overdraft, Wrong> {
    Overdraft::try_from(cents).map_err(|_| "  a limit is not below zero".to_owned())
}

fn note(text: &str) -> Note {
    Note::try_from(text.to_owned()).expect("a note")
}

fn title(text: &str) -> Title {
    Title::try_from(text.to_owned()).expect("a title")
}

/// Parts of an answer or of a row, by the names that expectations use.
type Parts = BTreeMap<String, String>;

struct Scenario {
    database: Database,
    ids: Ids,
    house: House,
    members: BTreeMap<String, MemberId>,
    departments: BTreeMap<String, DepartmentId>,
    meals: BTreeMap<String, MealId>,
    subscriptions: BTreeMap<String, SubscriptionId>,
    sessions: BTreeMap<String, [u8; 32]>,
    shop: shop_words::Shop,
    /// What the last import said that it comes to.
    token: String,
    /// Between `break` and `mended` the books need not add up.
    damaged: bool,
}

impl Scenario {
    fn new() -> Self {
        let now = "2026-03-02T01:00:00Z".parse().expect("an instant");
        Self {
            database: Database::new(),
            ids: Ids::default(),
            house: House { now, overdraft_limit: None, cabinet: kernel::CabinetRules::default() },
            members: BTreeMap::new(),
            departments: BTreeMap::new(),
            meals: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            sessions: BTreeMap::new(),
            shop: shop_words::Shop::default(),
            token: String::new(),
            damaged: false,
        }
    }

    fn statement(&mut self, line: &str, covered: &mut Covered) -> Result<(), Wrong> {
        let (statement, expected) = match line.split_once("->") {
            Some((statement, expected)) => (statement, expected.trim()),
            None => (line, "ok"),
        };
        let mut words = Words::of(statement)?;
        let first = words.next()?.to_owned();
        match first.as_str() {
            "now" => self.house.now = words.parse()?,
            "house" if words.skip("overdraft") => {
                let none = words.skip("none");
                self.house.overdraft_limit = if none { None } else { Some(overdraft(words.cents()?)?) };
            }
            "given" => self.given(&mut words)?,
            "break" => self.damage(&mut words)?,
            "mended" => {
                check_books(&self.database);
                self.damaged = false;
            }
            "expect" => self.expect(&mut words)?,
            first => {
                let (asked, name) = self.command(first, &mut words)?;
                words.finish()?;
                return self.ask(&asked, name, expected, covered);
            }
        }
        words.finish()
    }

    /// Lets one command through and compares the answer.
    fn ask(&mut self, asked: &Asked, name: Named, expected: &str, covered: &mut Covered) -> Result<(), Wrong> {
        let before = self.database.clone();
        let mut came = None;
        let one = std::slice::from_ref(asked);
        support::run(&mut self.database, &mut self.ids, &self.house, one, |_, answer, _| {
            came = Some(answer.clone());
        });
        let answer = only(came.ok_or("  no answer came")?);
        if !self.damaged {
            check_books(&self.database);
        }
        covered.note(&asked.command, &answer);
        match &answer {
            Ok(outcome) => self.bind(name, outcome, asked),
            Err(_) if self.database != before => return Err("  a refusal changed something".to_owned()),
            Err(_) => {}
        }

        let meal = self.meal_of(&asked.command);
        let (head, parts) = self.parts(&answer, meal);
        let came = |parts: &Parts| {
            let mut text = head.clone();
            for (key, value) in parts {
                let _ = write!(text, " {key} {value}");
            }
            format!("  expected: {expected}\n  came:     {text}\n")
        };
        let mut words = Words::of(expected)?;
        if words.next()? != head {
            return Err(came(&parts));
        }
        compare(&mut words, &parts).map_err(|_| came(&parts))
    }

    fn bind(&mut self, name: Named, outcome: &Outcome, asked: &Asked) {
        match (name, outcome) {
            (Named::Member(name, balance), Outcome::Member { member }) => {
                self.database.open_balance(member.wallet(), balance, &mut self.ids);
                self.members.insert(name, member.id);
            }
            (Named::Member(name, _), Outcome::Session(session)) => {
                self.members.insert(name, session.member.id);
            }
            (Named::Department(name), Outcome::Department { department }) => {
                self.departments.insert(name, department.id);
            }
            (Named::Subscription(name), Outcome::Subscription { subscription }) => {
                self.subscriptions.insert(name, subscription.id);
            }
            (_, Outcome::Import(import)) => self.token.clone_from(&import.token),
            (Named::Meal(name), Outcome::Meal(meal)) => drop(self.meals.insert(name, meal.meal.id)),
            (name, outcome) => self.shop.bind(name, outcome),
        }
        let opened = match (&asked.command, outcome) {
            (Command::SignIn(command), Outcome::Session(session)) => Some((&command.session, session.member.id)),
            (Command::OpenSession(command), _) => Some((&command.session, command.member)),
            _ => None,
        };
        if let Some((session, member)) = opened {
            let names = self.members.iter().filter(|(_, id)| **id == member);
            for (name, _) in names {
                self.sessions.insert(name.clone(), session.token_hash);
            }
        }
    }

    fn command(&self, first: &str, words: &mut Words) -> Result<(Asked, Named), Wrong> {
        let house = |command, name| {
            let actor = actor(None);
            Ok((Asked { command, actor }, name))
        };
        match first {
            "department" => {
                let name = words.next()?.to_owned();
                let pays = match (words.skip("pays"), words.next()?) {
                    (true, "member") => Payer::Member,
                    (true, "department") => Payer::Department,
                    _ => return Err("  a department pays member or department".to_owned()),
                };
                let command = CreateDepartment {
                    code: name.clone().try_into().map_err(|error| format!("  {error}"))?,
                    name: title(&name),
                    pays,
                };
                house(Command::CreateDepartment(command), Named::Department(name))
            }
            "member" => {
                let (name, balance, command) = self.add_member(words)?;
                house(Command::AddMember(command), Named::Member(name, balance))
            }
            "meal" => {
                let (name, command) = self.create_meal(words)?;
                house(Command::CreateMeal(command), Named::Meal(name))
            }
            "publish" | "unlock" | "lock" | "complete" => {
                let step = match first {
                    "publish" => Step::Publish,
                    "unlock" => Step::Unlock,
                    "lock" => Step::Lock,
                    _ => Step::Complete,
                };
                let meal = self.meal(words.next()?)?;
                house(Command::MealStep(MealStep { meal, step }), Named::Nothing)
            }
            "cancel" => {
                let meal = self.meal(words.next()?)?;
                let reason = if words.skip("because") { words.note()? } else { note("") };
                house(Command::CancelMeal(CancelMeal { meal, reason }), Named::Nothing)
            }
            "copy" => {
                let mut meals = vec![self.meal(words.next()?)?];
                while words.skip(",") {
                    meals.push(self.meal(words.next()?)?);
                }
                let to = if words.skip("to") { words.parse()? } else { return Err("  copy to when?".to_owned()) };
                let copies = meals.into_iter().map(|source| self.copy_of(source, to)).collect::<Result<_, _>>()?;
                house(Command::CopyMeals(CopyMeals { copies }), Named::Nothing)
            }
            "edit" => {
                let meal = self.meal(words.next()?)?;
                let patch = patch(words)?;
                house(Command::EditMeal(EditMeal { meal, patch }), Named::Nothing)
            }
            "repost" => {
                let meal = self.meal(words.next()?)?;
                let patch = patch(words)?;
                let reason = if words.skip("because") { words.note()? } else { note("") };
                house(Command::RepostMeal(RepostMeal { meal, patch, reason }), Named::Nothing)
            }
            "repair" => house(self.repair(words)?, Named::Nothing),
            "import" => house(self.import(words)?, Named::Nothing),
            "run" => {
                let subscription = self.subscription(words.next()?)?;
                if !words.skip("for") {
                    return Err("  for which meal?".to_owned());
                }
                let meal = self.meal(words.next()?)?;
                house(Command::RunSubscription(RunSubscription { subscription, meal }), Named::Nothing)
            }
            "wechat" => house(self.wechat(words)?, Named::Nothing),
            "raise" => house(self.raise(words)?, Named::Nothing),
            first => match self.shop_by_house(first, words)? {
                Some((command, name)) => house(Command::Shop(command), name),
                None => self.personal(first, words),
            },
        }
    }

    fn import(&self, words: &mut Words) -> Result<Command, Wrong> {
        let (mut departments, mut members, mut products) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            let number = i64::try_from(departments.len() + members.len() + products.len()).expect("a few") + 1;
            if words.skip("department") {
                departments.push(department_line(number, words)?);
            } else if words.skip("member") {
                members.push(self.member_line(number, words)?);
            } else if words.skip("product") {
                products.push(self.product_line(number, words)?);
            } else {
                return Err("  a line is a department, a member or a product".to_owned());
            }
            if !words.skip("and") {
                break;
            }
        }
        let agreed = match (words.skip("as"), words.skip("seen")) {
            (true, true) => Some(self.token.clone()),
            (true, false) => Some(words.next()?.to_owned()),
            _ => None,
        };
        Ok(match (departments.is_empty(), products.is_empty()) {
            (_, false) => Command::Shop(ShopCommand::ImportProducts(ImportProducts { lines: products, agreed })),
            (true, true) => Command::ImportMembers(ImportMembers { lines: members, agreed }),
            (false, true) => Command::ImportDepartments(ImportDepartments { lines: departments, agreed }),
        })
    }

    fn member_line(&self, number: i64, words: &mut Words) -> Result<MemberLine, Wrong> {
        let uid = format!("uid-of-line-{number}-{}", self.database.members.len());
        let mut line = MemberLine { number, member: None, account: None, nickname: None, department: None, uid };
        loop {
            if words.skip("account") {
                line.account = Some(words.next()?.to_owned().try_into().map_err(|_| "  no account name")?);
            } else if words.skip("name") {
                line.nickname = Some(words.title()?);
            } else if words.skip("in") {
                line.department = Some(words.next()?.to_owned().try_into().map_err(|_| "  no code")?);
            } else if words.skip("who") {
                words.skip("is");
                line.member = Some(self.member(words.next()?)?);
            } else {
                return Ok(line);
            }
        }
    }

    fn repair(&self, words: &mut Words) -> Result<Command, Wrong> {
        let what = words.next()?.to_owned();
        let whose = words.next()?.to_owned();
        Ok(match what.as_str() {
            "balance" => Command::RepairBalance(RepairBalance { account: self.account(&whose)? }),
            "capacity" => {
                let strategy = match words.next()? {
                    "latest" => CapacityStrategy::CancelLatest,
                    "proportional" => CapacityStrategy::ReduceProportional,
                    other => return Err(format!("  no strategy {other:?}")),
                };
                let meal = self.meal(&whose)?;
                Command::RepairCapacity(RepairCapacity { meal, strategy })
            }
            "states" => Command::RepairOrderStates(RepairOrderStates { meal: self.meal(&whose)? }),
            "pool" => Command::RepairPool(RepairPool { meal: self.meal(&whose)? }),
            other => return Err(format!("  nothing repairs {other:?}")),
        })
    }

    /// Contradicts what the rest of the rows say.
    fn damage(&mut self, words: &mut Words) -> Result<(), Wrong> {
        self.damaged = true;
        let subject = words.next()?.to_owned();
        if let Some(owner) = subject.strip_suffix("'s") {
            let member = self.member(owner)?;
            let meal = self.meal(words.next()?)?;
            let order = self.order_of(Some(member), meal);
            if words.skip("status") {
                let status = words.next()?.to_owned();
                let known = OrderStatus::ALL.into_iter().find(|known| known.as_str() == status);
                let (row, _) = self.database.orders.get_mut(&order).ok_or("  no order")?;
                row.status = known.ok_or("  no such status")?;
            } else if words.skip("total") {
                let (row, _) = self.database.orders.get_mut(&order).ok_or("  no order")?;
                row.total = Cents::new(words.cents()?);
            } else if words.skip("gone") {
                self.database.holds.remove(&(order, meal.into()));
            } else {
                let (hold, _) = self.database.holds.get_mut(&(order, meal.into())).ok_or("  no hold")?;
                match quantity(words)? {
                    Some(quantity) => hold.quantity = quantity.get(),
                    None if words.skip("held") => hold.state = HoldState::Held,
                    None if words.skip("released") => hold.state = HoldState::Released,
                    None => return Err("  an order is broken in no such way".to_owned()),
                }
            }
        } else if words.skip("balance") {
            let account = self.account(&subject)?;
            let (row, _) = self.database.accounts.get_mut(&account).ok_or("  no account")?;
            row.balance = Cents::new(words.cents()?);
        } else if words.skip("entries") {
            let account = self.account(&subject)?;
            let (row, _) = self.database.accounts.get_mut(&account).ok_or("  no account")?;
            row.entries = words.parse()?;
        } else if words.skip("ledger") {
            let account = self.account(&subject)?;
            let first = self.database.entries.iter().position(|entry| entry.account == account);
            self.database.entries.remove(first.ok_or("  no entry")?);
        } else {
            let meal = self.meal(&subject)?;
            let (pool, _) = self.database.pools.get_mut(&meal.into()).ok_or("  no pool")?;
            if words.skip("taken") {
                pool.taken = words.parse()?;
            } else if words.skip("capacity") {
                pool.capacity = words.parse()?;
                pool.taken = pool.taken.min(pool.capacity);
            } else if words.skip("status") {
                let status = words.next()?.to_owned();
                let known = MealStatus::ALL.into_iter().find(|known| known.as_str() == status);
                let (row, _) = self.database.meals.get_mut(&meal).ok_or("  no meal")?;
                row.status = known.ok_or("  no such status")?;
            } else if words.skip("orphan") {
                let quantity = words.parse()?;
                let now = self.house.now;
                self.database.claim(meal, quantity, now, &mut self.ids);
                let (hold, _) = self.database.holds.values_mut().next_back().ok_or("  no hold")?;
                hold.expires_at = None;
            } else {
                return Err("  a meal is broken in no such way".to_owned());
            }
        }
        Ok(())
    }

    /// What one person does.
    fn personal(&self, name: &str, words: &mut Words) -> Result<(Asked, Named), Wrong> {
        let verb = words.next()?.to_owned();
        if verb == "signs" && words.skip("in") {
            let openid = if words.skip("as") { words.next()? } else { name };
            let command = Command::SignIn(SignIn {
                openid: support::openid(openid),
                profile: profile(name),
                session: self.new_session(),
            });
            let actor = actor(None);
            return Ok((Asked { command, actor }, Named::Member(name.to_owned(), 0)));
        }
        if verb == "closes" && words.skip("session") {
            let by = self.member(name).ok();
            let of = if words.skip("of") { Some(words.next()?.to_owned()) } else { None };
            let whose = of.as_deref().unwrap_or(name);
            let token_hash = self.sessions.get(whose).copied().unwrap_or([255; 32]);
            // Who closes their own may still name somebody else's.
            let member = if words.skip("as") && words.skip("own") { by } else { self.member(whose).ok() };
            let member = member.unwrap_or(MemberId::new(404));
            let command = Command::CloseSession(CloseSession { member, token_hash });
            let actor = actor(by);
            return Ok((Asked { command, actor }, Named::Nothing));
        }
        let by = if name == "house" { None } else { Some(self.member(name)?) };
        if let Some((command, name)) = self.shop_by(by, &verb, words)? {
            let actor = actor(by);
            return Ok((Asked { command: Command::Shop(command), actor }, name));
        }
        if verb == "subscribes" {
            let named = words.next()?.to_owned();
            let (command, actor) = (self.subscribe(by.ok_or("  the house eats nothing")?, words)?, actor(by));
            return Ok((Asked { command, actor }, Named::Subscription(named)));
        }
        let command = match verb.as_str() {
            "opens" if words.skip("session") => Command::OpenSession(OpenSession {
                member: by.ok_or("  the house has no session")?,
                session: self.new_session(),
            }),
            "grants" => {
                let member = self.member(words.next()?)?;
                let amount = words.cents()?.try_into().map_err(|_| "  no price is that large")?;
                let reason = if words.skip("because") { words.note()? } else { note("") };
                Command::Grant(Grant { member, amount, reason })
            }
            "adjusts" => {
                let member = self.member(words.next()?)?;
                let amount = words.cents()?.try_into().map_err(|_| "  no price is that large")?;
                let because = words.skip("because");
                let reason = if because { words.next()? } else { "" };
                let reason = Reason::try_from(reason.to_owned()).map_err(|error| format!("  {error}"))?;
                Command::AdjustWallet(AdjustWallet { member, amount, reason })
            }
            "limits" => {
                let member = self.member(words.next()?)?;
                let none = words.skip("none");
                let limit = if none { None } else { Some(overdraft(words.cents()?)?) };
                let reason = if words.skip("because") { words.note()? } else { note("") };
                Command::SetOverdraft(SetOverdraft { member, limit, reason })
            }
            "sets" if words.skip("password") => {
                let member = if words.skip("of") { self.member(words.next()?)? } else { by.ok_or("  whose?")? };
                let close = if words.skip("closing") { self.sessions.get(words.next()?).copied() } else { None };
                let close = close.into_iter().collect();
                Command::SetPassword(SetPassword { member, password_hash: "a hash".to_owned(), close })
            }
            "erases" => {
                let member = self.member(words.next()?)?;
                let reason = if words.skip("because") { words.note()? } else { note("") };
                Command::EraseMember(EraseMember { member, reason })
            }
            "exports" => Command::NoteExport(NoteExport { member: self.member(words.next()?)? }),
            "sees" => {
                let at = match words.next()? {
                    "openid" => Look::Openid,
                    order => Look::Address(OrderId::new(order.parse().map_err(|_| "  no order")?)),
                };
                words.skip("of");
                Command::NoteLook(NoteLook { member: self.member(words.next()?)?, at })
            }
            "disables" | "enables" => {
                let status = if verb == "enables" { MemberStatus::Active } else { MemberStatus::Disabled };
                let member = self.member(words.next()?)?;
                let reason = if words.skip("because") { words.note()? } else { note("") };
                Command::SetMemberStatus(SetMemberStatus { member, status, reason })
            }
            "processes" => self.process(words)?,
            "redeems" => {
                let owner = words.next()?.to_owned();
                let owner = self.member(owner.strip_suffix("'s").ok_or("  whose order?")?)?;
                let meal = self.meal(words.next()?)?;
                Command::RedeemOrder(RedeemOrder { order: self.order_of(Some(owner), meal), meal })
            }
            "books" => self.book(words)?,
            "calls" if words.skip("off") => self.call_off(words)?,
            "edits" => self.edit_department(words)?,
            "funds" => {
                let department = self.department(words.next()?)?;
                let amount = words.cents()?.try_into().map_err(|_| "  no price is that large")?;
                let reason = if words.skip("because") { words.note()? } else { note("") };
                Command::FundDepartment(FundDepartment { department, amount, reason })
            }
            "settles" => {
                let department = self.department(words.next()?)?;
                let amount = words.cents()?.try_into().map_err(|_| "  no price is that large")?;
                let because = words.skip("because");
                let reason = if because { words.next()? } else { "" };
                let reason = Reason::try_from(reason.to_owned()).map_err(|error| format!("  {error}"))?;
                Command::AdjustDepartment(AdjustDepartment { department, amount, reason })
            }
            "appoints" | "dismisses" => {
                let member = self.member(words.next()?)?;
                let role = if words.skip("as") { words.parse()? } else { return Err("  as what?".to_owned()) };
                let scope = match words.skip("at") {
                    true => Scope::Department(self.department(words.next()?)?),
                    false => Scope::Everywhere,
                };
                Command::ChangeRole(ChangeRole { member, grant: RoleGrant { role, scope }, held: verb == "appoints" })
            }
            "moves" => self.edit_member(words)?,
            "pauses" | "resumes" | "ends" => {
                let subscription = self.subscription(words.next()?)?;
                let owner = match words.skip("at") {
                    true => Subscriber::Department(self.department(words.next()?)?),
                    false => Subscriber::Member(by.ok_or("  the house eats nothing")?),
                };
                let status = match verb.as_str() {
                    "pauses" => SubscriptionStatus::Paused,
                    "resumes" => SubscriptionStatus::Active,
                    _ => SubscriptionStatus::Ended,
                };
                Command::ChangeSubscription(ChangeSubscription { subscription, owner, status })
            }
            "tops" => self.top_up(by, words)?,
            "pays" => self.ask_payment(words)?,
            "refunds" => self.refund(words)?,
            "resolves" => self.resolve(words)?,
            "assigns" => self.assign(words)?,
            "orders" => self.place(by, words)?,
            "changes" => self.modify(by, words)?,
            "cancels" => {
                let meal = self.meal(words.next()?)?;
                let of = if words.skip("of") { Some(self.member(words.next()?)?) } else { by };
                let order = self.order_of(of, meal);
                Command::CancelOrder(CancelOrder { order, meal })
            }
            verb => return Err(format!("  nobody {verb:?}")),
        };
        let actor = actor(by);
        Ok((Asked { command, actor }, Named::Nothing))
    }

    fn place(&self, by: Option<MemberId>, words: &mut Words) -> Result<Command, Wrong> {
        let meal = self.meal(words.next()?)?;
        let mut command = PlaceOrder {
            member: MemberId::new(0),
            meal,
            quantity: Quantity::ONE,
            options: Vec::new(),
            notes: note(""),
            pickup_window: None,
        };
        if let Some(quantity) = quantity(words)? {
            command.quantity = quantity;
        }
        if words.skip("with") {
            command.options = self.chosen(meal, words)?;
        }
        if words.skip("note") {
            command.notes = words.note()?;
        }
        let member = if words.skip("for") { Some(self.member(words.next()?)?) } else { by };
        command.member = member.ok_or("  the house orders for somebody")?;
        Ok(Command::PlaceOrder(command))
    }

    fn process(&self, words: &mut Words) -> Result<Command, Wrong> {
        let action = match words.next()? {
            "complete" => OrderAction::Complete,
            "cancel" => OrderAction::Cancel,
            "refund" => OrderAction::Refund,
            other => return Err(format!("  an order cannot be {other:?}")),
        };
        let mut orders = BTreeMap::new();
        loop {
            let owner = words.next()?.to_owned();
            let owner = owner.strip_suffix("'s").ok_or("  whose order?")?;
            let meal = self.meal(words.next()?)?;
            let order = self.order_of(Some(self.member(owner)?), meal);
            let meal = if words.skip("at") { self.meal(words.next()?)? } else { meal };
            orders.insert(order, meal);
            if !words.skip(",") {
                break;
            }
        }
        let reason = if words.skip("because") { words.note()? } else { note("") };
        Ok(Command::ProcessOrders(ProcessOrders { orders, action, reason }))
    }

    fn book(&self, words: &mut Words) -> Result<Command, Wrong> {
        let mut command =
            BookMeals { department: self.department(words.next()?)?, bookings: Vec::new(), atomic: false };
        loop {
            let (date, slot) = if words.skip("on") {
                let date = words.parse()?;
                (date, if words.skip("at") { words.parse()? } else { Slot::Lunch })
            } else {
                let meal = self.meal(words.next()?)?;
                let (meal, _) = self.database.meals.get(&meal).ok_or("  no meal")?;
                (meal.date, meal.slot)
            };
            let mut members = Vec::new();
            if words.skip("for") {
                loop {
                    let name = words.next()?.to_owned();
                    members.push(if name == "whoever" { None } else { Some(self.member(&name)?) });
                    if !words.skip(",") {
                        break;
                    }
                }
            }
            let remark = if words.skip("note") { words.note()? } else { note("") };
            let number = i64::try_from(command.bookings.len()).expect("a few") + 1;
            command.bookings.push(Booking { number, date, slot, members, remark });
            if !words.skip("and") {
                command.atomic = words.skip("atomically");
                return Ok(Command::BookMeals(command));
            }
        }
    }

    /// Named orders of the group order that the first of them is in.
    fn call_off(&self, words: &mut Words) -> Result<Command, Wrong> {
        let meal = self.meal(words.next()?)?;
        let mut orders = Vec::new();
        while words.skip("for") || words.skip(",") {
            orders.push(self.order_of(Some(self.member(words.next()?)?), meal));
        }
        let first = orders.first().and_then(|order| self.database.orders.get(order));
        let group_order = first.and_then(|(order, _)| order.group_order).unwrap_or(GroupOrderId::new(404));
        let orders = orders.into_iter().collect();
        let meal = if words.skip("at") { self.meal(words.next()?)? } else { meal };
        Ok(Command::CancelGroupOrder(CancelGroupOrder { group_order, meal, orders }))
    }

    fn edit_department(&self, words: &mut Words) -> Result<Command, Wrong> {
        let mut command = EditDepartment {
            department: self.department(words.next()?)?,
            name: None,
            pays: None,
            overdraft_limit: None,
            members_may_cancel: None,
            reason: note(""),
        };
        loop {
            if words.skip("pays") {
                command.pays = Some(if words.next()? == "member" { Payer::Member } else { Payer::Department });
            } else if words.skip("overdraft") {
                let none = words.skip("none");
                command.overdraft_limit = Some(if none { None } else { Some(overdraft(words.cents()?)?) });
            } else if words.skip("members") {
                command.members_may_cancel = Some(words.next()? == "may");
            } else if words.skip("name") {
                command.name = Some(words.title()?);
            } else if words.skip("because") {
                command.reason = words.note()?;
            } else {
                return Ok(Command::EditDepartment(command));
            }
        }
    }

    fn edit_member(&self, words: &mut Words) -> Result<Command, Wrong> {
        let member = self.member(words.next()?)?;
        let mut command = EditMember { member, nickname: None, account: None, department: None, reason: note("") };
        loop {
            if words.skip("to") {
                let code = words.next()?.to_owned();
                command.department = Some(Some(code.try_into().map_err(|_| "  no code")?));
            } else if words.skip("out") {
                command.department = Some(None);
            } else if words.skip("name") {
                command.nickname = Some(words.title()?);
            } else if words.skip("account") {
                command.account = Some(words.next()?.to_owned().try_into().map_err(|_| "  no account name")?);
            } else if words.skip("because") {
                command.reason = words.note()?;
            } else {
                return Ok(Command::EditMember(command));
            }
        }
    }

    fn subscribe(&self, by: MemberId, words: &mut Words) -> Result<Command, Wrong> {
        let slot = if words.skip("to") { words.parse()? } else { return Err("  to what?".to_owned()) };
        let mut command = CreateSubscription {
            owner: Subscriber::Member(by),
            members: Vec::new(),
            slot,
            weekdays: (1..=7).collect::<Vec<u8>>().try_into().expect("days"),
            first_date: "2026-03-02".parse().expect("a date"),
            last_date: None,
            notes: note(""),
            pickup_window: None,
        };
        loop {
            if words.skip("days") {
                let days: Vec<u8> = words.next()?.bytes().map(|digit| digit.wrapping_sub(b'0')).collect();
                command.weekdays = days.try_into().map_err(|error| format!("  {error}"))?;
            } else if words.skip("from") {
                command.first_date = words.parse()?;
            } else if words.skip("until") {
                command.last_date = Some(words.parse()?);
            } else if words.skip("note") {
                command.notes = words.note()?;
            } else if words.skip("at") {
                command.owner = Subscriber::Department(self.department(words.next()?)?);
            } else if words.skip("for") || words.skip(",") {
                command.members.push(self.member(words.next()?)?);
            } else {
                return Ok(Command::CreateSubscription(command));
            }
        }
    }

    fn subscription(&self, name: &str) -> Result<SubscriptionId, Wrong> {
        let nothing = (name == "nothing").then_some(SubscriptionId::new(404));
        let subscription = self.subscriptions.get(name).copied().or(nothing);
        subscription.ok_or_else(|| format!("  there is no subscription {name:?}"))
    }

    fn department(&self, name: &str) -> Result<DepartmentId, Wrong> {
        let nowhere = (name == "nowhere").then_some(DepartmentId::new(404));
        let department = self.departments.get(name).copied().or(nowhere);
        department.ok_or_else(|| format!("  there is no department {name:?}"))
    }

    fn modify(&self, by: Option<MemberId>, words: &mut Words) -> Result<Command, Wrong> {
        let meal = self.meal(words.next()?)?;
        let quantity = quantity(words)?;
        let options = match (words.skip("plain"), words.skip("with")) {
            (true, _) => Some(Vec::new()),
            (_, true) => Some(self.chosen(meal, words)?),
            _ => None,
        };
        let notes = if words.skip("note") { Some(words.note()?) } else { None };
        let of = if words.skip("of") { Some(self.member(words.next()?)?) } else { by };
        let order = self.order_of(of, meal);
        let meal = if words.skip("at") { self.meal(words.next()?)? } else { meal };
        Ok(Command::ModifyOrder(ModifyOrder { order, meal, quantity, options, notes, pickup_window: None }))
    }

    fn add_member(&self, words: &mut Words) -> Result<(String, i64, AddMember), Wrong> {
        let name = words.next()?.to_owned();
        let mut balance = 0;
        let mut command = AddMember {
            profile: profile(&name),
            account: None,
            password_hash: None,
            openid: None,
            department: None,
            overdraft_limit: None,
            grants: Vec::new(),
        };
        loop {
            if words.skip("in") {
                command.department = Some(words.next()?.to_owned().try_into().map_err(|_| "  no code")?);
            } else if words.skip("account") {
                command.account = Some(words.next()?.to_owned().try_into().map_err(|_| "  no account name")?);
                command.password_hash = Some("$argon2id$".to_owned());
            } else if words.skip("openid") {
                command.openid = Some(support::openid(words.next()?));
            } else if words.skip("overdraft") {
                command.overdraft_limit = Some(overdraft(words.cents()?)?);
            } else if words.skip("own") {
                command.grants.push(NewGrant::InOwnDepartment(words.parse()?));
            } else if words.skip("role") {
                let role = words.parse()?;
                let scope = Scope::Everywhere;
                command.grants.push(NewGrant::As(RoleGrant { role, scope }));
            } else if words.skip("balance") {
                balance = words.cents()?;
            } else {
                return Ok((name, balance, command));
            }
        }
    }

    fn create_meal(&self, words: &mut Words) -> Result<(String, CreateMeal), Wrong> {
        let name = words.next()?.to_owned();
        let mut command = CreateMeal {
            date: "2026-03-02".parse().expect("a date"),
            slot: name.parse().unwrap_or(Slot::Lunch),
            title: None,
            description: note(""),
            base_price: 0.try_into().expect("a price"),
            capacity: 0,
            options: Vec::new(),
            orders_close_at: None,
            pickup_windows: Vec::new(),
            publish: false,
        };
        loop {
            if words.skip("on") {
                command.date = words.parse()?;
            } else if words.skip("at") {
                command.slot = words.parse()?;
            } else if words.skip("price") {
                command.base_price = words.cents()?.try_into().map_err(|_| "  no price is that large")?;
            } else if words.skip("capacity") {
                command.capacity = words.parse()?;
            } else if words.skip("options") {
                command.options = menu(words)?;
            } else if words.skip("closes") {
                command.orders_close_at = Some(words.parse()?);
            } else if words.skip("title") {
                command.title = Some(words.title()?);
            } else if words.skip("published") {
                command.publish = true;
            } else {
                return Ok((name, command));
            }
        }
    }

    /// A draft after the pattern of a meal.
    fn copy_of(&self, source: MealId, date: kernel::Date) -> Result<MealCopy, Wrong> {
        let (meal, _) = self.database.meals.get(&source).ok_or("  no meal")?;
        let price = |cents: Cents| cents.get().try_into().expect("a stored price");
        let option = |option: &MealOption| MenuOption {
            id: Some(option.id.clone()),
            name: option.name.clone(),
            price_cents: price(option.price_cents),
        };
        let copy = CreateMeal {
            date,
            slot: meal.slot,
            title: meal.title.clone(),
            description: meal.description.clone(),
            base_price: price(meal.base_price),
            capacity: self.pool(source).ok_or("  no pool")?.capacity,
            options: meal.options.iter().map(option).collect(),
            orders_close_at: None,
            pickup_windows: Vec::new(),
            publish: false,
        };
        Ok(MealCopy { source, meal: copy })
    }

    /// A token of its own for each session: how many there are.
    fn new_session(&self) -> NewSession {
        let mut token_hash = [0; 32];
        token_hash[..8].copy_from_slice(&self.database.sessions.len().to_be_bytes());
        NewSession { token_hash, expires_at: self.house.now.plus_millis(86_400_000) }
    }

    fn member(&self, name: &str) -> Result<MemberId, Wrong> {
        let nobody = (name == "nobody").then_some(MemberId::new(404));
        let member = self.members.get(name).copied().or(nobody);
        member.ok_or_else(|| format!("  there is no member {name:?}"))
    }

    fn meal(&self, name: &str) -> Result<MealId, Wrong> {
        let nothing = (name == "nothing").then_some(MealId::new(404));
        let meal = self.meals.get(name).copied().or(nothing);
        meal.ok_or_else(|| format!("  there is no meal {name:?}"))
    }

    /// The member's newest order of the meal, whatever its state.
    fn order_of(&self, member: Option<MemberId>, meal: MealId) -> OrderId {
        let orders = self.database.orders.values().map(|(order, _)| order);
        let mut own = orders.filter(|order| (Some(order.member), order.meal) == (member, meal));
        own.next_back().map_or(OrderId::new(404), |order| order.id)
    }

    /// Options by the names the meal gives them; another word stands for an id that the meal does not have.
    fn chosen(&self, meal: MealId, words: &mut Words) -> Result<Vec<Chosen>, Wrong> {
        let known = self.database.meals.get(&meal).map(|(meal, _)| meal.options.as_slice());
        let mut chosen = Vec::new();
        loop {
            let name = words.next()?;
            let option = known.unwrap_or_default().iter().find(|option| option.name.as_str() == name);
            let id = option.map_or_else(|| OptionId::Text(title(name)), |option| option.id.clone());
            chosen.push(Chosen { id });
            if !words.skip(",") {
                return Ok(chosen);
            }
        }
    }

    fn meal_of(&self, command: &Command) -> Option<MealId> {
        match command {
            Command::EditMeal(EditMeal { meal, .. })
            | Command::MealStep(MealStep { meal, .. })
            | Command::CancelMeal(CancelMeal { meal, .. })
            | Command::RepostMeal(RepostMeal { meal, .. })
            | Command::PlaceOrder(PlaceOrder { meal, .. })
            | Command::ModifyOrder(ModifyOrder { meal, .. })
            | Command::CancelOrder(CancelOrder { meal, .. })
            | Command::RedeemOrder(RedeemOrder { meal, .. })
            | Command::CancelGroupOrder(CancelGroupOrder { meal, .. })
            | Command::RunSubscription(RunSubscription { meal, .. })
            | Command::RepairCapacity(RepairCapacity { meal, .. })
            | Command::RepairOrderStates(RepairOrderStates { meal })
            | Command::RepairPool(RepairPool { meal }) => Some(*meal),
            Command::ProcessOrders(ProcessOrders { orders, .. }) => orders.values().next().copied(),
            _ => None,
        }
    }

    fn pool(&self, meal: MealId) -> Option<Pool> {
        self.database.pools.get(&meal.into()).map(|(pool, _)| *pool)
    }

    fn parts(&self, answer: &Answer, meal: Option<MealId>) -> (String, Parts) {
        let mut parts = Parts::new();
        let mut put = |key: &str, value: String| drop(parts.insert(key.to_owned(), value));
        if let Some(pool) = meal.and_then(|meal| self.pool(meal)) {
            put("left", pool.available().to_string());
            put("taken", pool.taken.to_string());
        }
        let head = match answer {
            Err(refusal) => {
                refusal_parts(refusal, &mut put);
                refusal.code().as_str().to_owned()
            }
            Ok(outcome) => {
                outcome_parts(outcome, &mut put);
                if let Outcome::Orders { orders } = outcome
                    && let [order] = orders.as_slice()
                    && let Some((row, _)) = self.database.orders.get(&order.order)
                {
                    put("status", row.status.as_str().to_owned());
                    put("balance", Cents::new(self.database.balance(row.payer)).to_string());
                }
                "ok".to_owned()
            }
        };
        (head, parts)
    }

    fn given(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let subject = words.next()?.to_owned();
        if let Some(owner) = subject.strip_suffix("'s") {
            let member = self.member(owner)?;
            let meal = self.meal(words.next()?)?;
            let order = self.order_of(Some(member), meal);
            if !words.skip("lapses") {
                return Err("  only the deadline of an order can be given".to_owned());
            }
            let (hold, _) = self.database.holds.get_mut(&(order, meal.into())).ok_or("  no hold")?;
            hold.expires_at = Some(words.parse()?);
        } else if words.skip("disabled") {
            self.member_row(&subject)?.status = MemberStatus::Disabled;
        } else if words.skip("active") {
            self.member_row(&subject)?.status = MemberStatus::Active;
        } else if words.skip("in") {
            let department = self.departments.get(words.next()?).copied();
            self.member_row(&subject)?.department = department;
        } else if words.skip("balance") {
            let account = self.account(&subject)?;
            let missing = words.cents()? - self.database.balance(account);
            self.database.open_balance(account, missing, &mut self.ids);
        } else if words.skip("amount") {
            let id = self.topup_id(&subject);
            let (topup, _) = self.database.topups.get_mut(&id).ok_or("  no payment")?;
            topup.amount = Cents::new(words.cents()?);
        } else if words.skip("claimed") {
            let meal = self.meal(&subject)?;
            let quantity = words.parse()?;
            if !words.skip("until") {
                return Err("  a claim is made until some moment".to_owned());
            }
            self.database.claim(meal, quantity, words.parse()?, &mut self.ids);
        } else {
            return Err("  nothing such can be given".to_owned());
        }
        Ok(())
    }

    fn member_row(&mut self, name: &str) -> Result<&mut kernel::Member, Wrong> {
        let member = self.member(name)?;
        let (row, _) = self.database.members.get_mut(&member).ok_or("  no member")?;
        Ok(row)
    }

    fn account(&self, name: &str) -> Result<AccountId, Wrong> {
        let owner = if name == "grants" {
            return Ok(system_account(SystemAccount::Grants));
        } else if name == "wechat" {
            return Ok(system_account(SystemAccount::Wechat));
        } else if name == "adjustments" {
            return Ok(system_account(SystemAccount::Adjustments));
        } else if let Some(&department) = self.departments.get(name) {
            Owner::Department(department)
        } else if let Some(&meal) = self.meals.get(name) {
            Owner::Meal(meal)
        } else if let Some(owner) = self.shop.owner(name) {
            owner
        } else {
            Owner::Member(self.member(name)?)
        };
        Ok(owner.account(Currency::Cny))
    }

    fn expect(&self, words: &mut Words) -> Result<(), Wrong> {
        let subject = words.next()?.to_owned();
        let mut parts = Parts::new();
        let mut put = |key: &str, value: String| drop(parts.insert(key.to_owned(), value));
        if subject == "audits" {
            let action = words.next()?;
            let mut found = self.database.audits.iter().filter(|audit| audit.action == action);
            put("count", found.clone().count().to_string());
            if let Some(last) = found.next_back() {
                put("reason", last.reason.clone().unwrap_or_else(|| "none".to_owned()));
                put("after", last.after.clone().unwrap_or_default());
                let by = last.actor.and_then(|actor| self.name_of(actor));
                put("by", by.unwrap_or_else(|| "house".to_owned()));
            }
        } else if self.payment_parts(&subject, words, &mut put)? || self.shop_parts(&subject, words, &mut put)? {
            // Nothing more is to be said.
        } else if let Some(owner) = subject.strip_suffix("'s") {
            let member = self.member(owner)?;
            if words.skip("session") {
                let token = self.sessions.get(owner).ok_or("  no session")?;
                let (session, _) = self.database.sessions.get(token).ok_or("  no session")?;
                put("valid", session.is_valid_at(self.house.now).to_string());
            } else {
                let meal = self.meal(words.next()?)?;
                let order = self.order_of(Some(member), meal);
                self.order_parts(order, meal, &mut put)?;
            }
        } else {
            let account = self.account(&subject)?;
            put("balance", Cents::new(self.database.balance(account)).to_string());
            let mut entries = self.database.entries.iter().filter(|entry| entry.account == account);
            put("entries", entries.clone().count().to_string());
            if let Some(last) = entries.next_back() {
                put("kind", last.kind.as_str().to_owned());
            }
            if let Some(&meal) = self.meals.get(&subject) {
                let (stored, _) = self.database.meals.get(&meal).ok_or("  no meal")?;
                let pool = self.pool(meal).ok_or("  no pool")?;
                outcome_parts(
                    &Outcome::Meal(kernel::MealOutcome {
                        meal: stored.clone(),
                        pool,
                        orders_changed: 0,
                        refunded: Cents::ZERO,
                    }),
                    &mut put,
                );
                put("left", pool.available().to_string());
            } else if let Some((member, _)) = self.members.get(&subject).and_then(|id| self.database.members.get(id)) {
                member_parts(member, &mut put);
            }
        }
        compare(words, &parts).map_err(|key| {
            let came: Vec<_> = parts.iter().map(|(key, value)| format!("{key} {value}")).collect();
            format!("  not as expected: {key}\n  came:     {}\n", came.join(" "))
        })
    }

    fn order_parts(&self, order: OrderId, meal: MealId, put: &mut impl FnMut(&str, String)) -> Result<(), Wrong> {
        let (stored, _) = self.database.orders.get(&order).ok_or("  no such order")?;
        let (hold, _) = self.database.holds.get(&(order, meal.into())).ok_or("  no such hold")?;
        put("status", stored.status.as_str().to_owned());
        put("quantity", stored.quantity.get().to_string());
        put("total", stored.total.to_string());
        put("options", options(&stored.options));
        put("notes", stored.notes.as_str().to_owned());
        let by = stored.placed_by.and_then(|by| self.name_of(by));
        put("by", by.unwrap_or_else(|| "self".to_owned()));
        let booked = stored.group_order.map_or("alone", |_| "booked");
        put("placed", booked.to_owned());
        put("redeemed", stored.redeemed_at.is_some().to_string());
        put("hold", hold.state.as_str().to_owned());
        put("counts", hold.counts_at(self.house.now).to_string());
        if hold.state == HoldState::Held {
            put("held", hold.quantity.to_string());
        }
        Ok(())
    }

    fn name_of(&self, member: MemberId) -> Option<String> {
        let found = self.members.iter().find(|(_, id)| **id == member);
        found.map(|(name, _)| name.clone())
    }
}

/// What a statement makes, so that later lines can name it.
enum Named {
    Member(String, i64),
    Department(String),
    Meal(String),
    Product(String),
    Round(String),
    ShopOrder(String),
    Subscription(String),
    Nothing,
}

fn profile(name: &str) -> Profile {
    Profile { uid: format!("uid-{name}"), nickname: name.to_owned() }
}

fn department_line(number: i64, words: &mut Words) -> Result<DepartmentLine, Wrong> {
    let code = words.next()?.to_owned().try_into().map_err(|_| "  no code")?;
    let mut line = DepartmentLine { number, code, name: None, pays: None, members_may_cancel: None };
    loop {
        if words.skip("name") {
            line.name = Some(words.title()?);
        } else if words.skip("pays") {
            line.pays = Some(if words.next()? == "member" { Payer::Member } else { Payer::Department });
        } else if words.skip("members") {
            line.members_may_cancel = Some(words.next()? == "may");
        } else {
            return Ok(line);
        }
    }
}

fn quantity(words: &mut Words) -> Result<Option<Quantity>, Wrong> {
    let next = words.words.get(words.at).and_then(|word| word.strip_prefix('x'));
    let Some(number) = next.and_then(|digits| digits.parse::<i64>().ok()) else {
        return Ok(None);
    };
    words.at += 1;
    Quantity::try_from(number).map(Some).map_err(|_| format!("  nobody can order {number}"))
}

fn menu(words: &mut Words) -> Result<Vec<MenuOption>, Wrong> {
    let mut options = Vec::new();
    if words.skip("none") {
        return Ok(options);
    }
    loop {
        let word = words.next()?.to_owned();
        let (name, id) = match word.split_once('#') {
            Some((name, id)) => (name, Some(id)),
            None => (word.as_str(), None),
        };
        let id = id.map(|id| id.parse().map_or_else(|_| OptionId::Text(title(id)), OptionId::Number));
        let price_cents = words.cents()?.try_into().map_err(|_| "  no price is that large")?;
        let name = title(name);
        options.push(MenuOption { id, name, price_cents });
        if !words.skip(",") {
            return Ok(options);
        }
    }
}

fn patch(words: &mut Words) -> Result<MealPatch, Wrong> {
    let mut patch = MealPatch::default();
    loop {
        if words.skip("price") {
            patch.base_price = Some(words.cents()?.try_into().map_err(|_| "  no price is that large")?);
        } else if words.skip("capacity") {
            patch.capacity = Some(words.parse()?);
        } else if words.skip("options") {
            patch.options = Some(menu(words)?);
        } else if words.skip("closes") {
            let never = words.skip("never");
            patch.orders_close_at = Some(if never { None } else { Some(words.parse::<Instant>()?) });
        } else if words.skip("title") {
            let none = words.skip("none");
            patch.title = Some(if none { None } else { Some(words.title()?) });
        } else if words.skip("description") {
            patch.description = Some(words.note()?);
        } else {
            return Ok(patch);
        }
    }
}

/// The first key whose value is another one.
fn compare(words: &mut Words, parts: &Parts) -> Result<(), String> {
    while words.at < words.words.len() {
        let key = words.next()?.to_owned();
        let value = words.next()?;
        if parts.get(&key).is_none_or(|came| came != value) {
            return Err(format!("{key} {value}"));
        }
    }
    Ok(())
}

fn options(options: &[MealOption]) -> String {
    let shown: Vec<_> = options
        .iter()
        .map(|MealOption { id, name, price_cents }| format!("{}#{id}={price_cents}", name.as_str()))
        .collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join("+") }
}

fn member_parts(member: &kernel::Member, put: &mut impl FnMut(&str, String)) {
    let roles: Vec<_> = member.grants.roles().into_iter().map(String::from).collect();
    put("roles", roles.join("+"));
    let scoped = member.grants.as_slice().iter().filter(|grant| grant.scope != Scope::Everywhere);
    put("scoped", scoped.count().to_string());
    put("nickname", member.nickname.clone());
    put("account", member.account.as_ref().map_or("none", |account| account.as_str()).to_owned());
    put("department", member.department.map_or("none", |_| "some").to_owned());
    put("status", member.status.as_str().to_owned());
    let limit = member.overdraft_limit;
    put("overdraft", limit.map_or_else(|| "none".to_owned(), |limit| limit.cents().to_string()));
}

fn outcome_parts(outcome: &Outcome, put: &mut impl FnMut(&str, String)) {
    match outcome {
        Outcome::Session(session) => {
            put("created", session.created.to_string());
            put("nickname", session.member.nickname.clone());
        }
        Outcome::SessionClosed => {}
        Outcome::Member { member } => member_parts(member, put),
        Outcome::Department { department } => {
            put("pays", department.pays.as_str().to_owned());
            put("name", department.name.as_str().to_owned());
            let limit = department.overdraft_limit;
            put("overdraft", limit.map_or_else(|| "none".to_owned(), |limit| limit.cents().to_string()));
            put("members", if department.members_may_cancel { "may" } else { "may-not" }.to_owned());
        }
        Outcome::Import(import) => {
            let action = |row: &kernel::ImportedRow| match &row.action {
                Ok(RowAction::Create) => "create".to_owned(),
                Ok(RowAction::Change) => joined(row.changes.iter().map(|change| {
                    let said = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
                    format!("{}:{}>{}", change.field, said(&change.from), said(&change.to))
                })),
                Ok(RowAction::Nothing) => "nothing".to_owned(),
                Err(refusal) => refusal_name(refusal).to_owned(),
            };
            put("rows", import.rows.iter().map(action).collect::<Vec<_>>().join(" "));
        }
        Outcome::DepartmentAccount(account) => {
            put("amount", account.amount.to_string());
            put("balance", account.balance.to_string());
        }
        Outcome::Booking(outcome) => {
            let booked = outcome.booked.iter();
            let booked = booked.map(|booked| format!("{}:{}:{}", booked.number, booked.orders.len(), booked.total));
            put("booked", joined(booked));
            put("refused", refused_parts(&outcome.refused));
            let warned = outcome.booked.iter().any(|booked| booked.warning.is_some());
            put("warned", warned.to_string());
        }
        Outcome::Subscription { subscription } => put("status", subscription.status.as_str().to_owned()),
        Outcome::SubscriptionRun { run } => {
            let result = |result: &SubscriptionResult| match &result.refusal {
                None => "booked".to_owned(),
                Some(refusal) => refusal_name(refusal).to_owned(),
            };
            put("results", joined(run.results.iter().map(result)));
            put("group", run.group_order.is_some().to_string());
        }
        Outcome::GroupCancel(outcome) => {
            put("orders", outcome.orders.len().to_string());
            put("refunded", outcome.refunded.to_string());
        }
        Outcome::Wallet(wallet) => {
            put("amount", wallet.amount.to_string());
            put("balance", wallet.balance.to_string());
        }
        Outcome::Meal(outcome) => {
            put("status", outcome.meal.status.as_str().to_owned());
            put("price", outcome.meal.base_price.to_string());
            put("options", options(&outcome.meal.options));
            put("capacity", outcome.pool.capacity.to_string());
            put("taken", outcome.pool.taken.to_string());
            put("orders", outcome.orders_changed.to_string());
            put("refunded", outcome.refunded.to_string());
            let named = outcome.meal.title.as_ref().map_or("none", |title| title.as_str());
            put("title", named.to_owned());
            let closes = outcome.meal.orders_close_at;
            put("closes", closes.map_or_else(|| "never".to_owned(), |at| at.to_string()));
        }
        Outcome::Order(outcome) => {
            put("status", outcome.order.status.as_str().to_owned());
            put("quantity", outcome.order.quantity.get().to_string());
            put("total", outcome.order.total.to_string());
            put("options", options(&outcome.order.options));
            put("balance", outcome.balance.to_string());
            put("difference", outcome.price_difference.to_string());
            let warning = outcome.warning.map_or("none", |_| "negative_balance");
            put("warning", warning.to_owned());
        }
        Outcome::Orders { orders } => put("each", each(orders.iter().map(|order| order.refunded.as_ref()))),
        Outcome::Meals { copies } => {
            put("each", each(copies.iter().map(|copy| copy.copy.as_ref().map(|_| "made"))));
        }
        Outcome::BalanceRepair(repair) => {
            put("repaired", repair.repaired.to_string());
            put("old", repair.old_balance.to_string());
            put("new", repair.new_balance.to_string());
            put("difference", repair.difference.to_string());
            put("entries", repair.new_entries.to_string());
        }
        Outcome::CapacityRepair(repair) => {
            put("excess", repair.excess_resolved.to_string());
            put("orders", repair.orders.len().to_string());
            let cuts = repair.orders.iter().map(|cut| {
                let action = match cut.action {
                    OrderCut::Canceled => "canceled",
                    OrderCut::Reduced => "reduced",
                };
                format!("{action}:{}>{}:{}", cut.old_quantity, cut.new_quantity, cut.refund_cents)
            });
            put("cuts", cuts.collect::<Vec<_>>().join("+"));
        }
        Outcome::StatesRepair(repair) => {
            put("orders", repair.orders.len().to_string());
            put("refunded", repair.refunded.to_string());
        }
        Outcome::PoolRepair(repair) => {
            put("repaired", repair.repaired().to_string());
            put("from", repair.old_taken.to_string());
            put("to", repair.new_taken.to_string());
            put("holds", repair.holds_changed.to_string());
        }
        Outcome::Topup { topup, payment } => {
            payments::topup_parts(topup, put);
            put("attempt", payment.is_some().to_string());
        }
        Outcome::Settled { settled, topup } => {
            if let Some(topup) = topup {
                payments::topup_parts(topup, put);
            }
            let settled = match settled {
                kernel::Settled::Credited => "credited",
                kernel::Settled::Already => "already",
                kernel::Settled::Parked => "parked",
            };
            put("settled", settled.to_owned());
        }
        Outcome::Refund { refund, topup, balance } => {
            payments::refund_parts(refund, put);
            put("balance", balance.map_or_else(|| "none".to_owned(), |balance| balance.to_string()));
            put("order", topup.status().as_str().to_owned());
        }
        Outcome::ScoreRefund { refund } => payments::refund_parts(refund, put),
        Outcome::Raised { raised } => put("raised", raised.to_string()),
        Outcome::Exception { exception, moved } => {
            payments::exception_parts(exception, put);
            payments::moved_parts(moved.as_ref(), put);
        }
        Outcome::Noted => {}
        Outcome::Erasure(erasure) => {
            put("at", erasure.erased_at.to_string());
            put("notes", erasure.traces.notes.to_string());
        }
        Outcome::JobRun { .. }
        | Outcome::JobPaused { .. }
        | Outcome::Store { .. }
        | Outcome::Device { .. }
        | Outcome::DoorSession { .. }
        | Outcome::ScoreOrder { .. }
        | Outcome::CabinetOrder { .. }
        | Outcome::Correction(_)
        | Outcome::Complaint(_)
        | Outcome::SalesDocuments { .. }
        | Outcome::AlertRound { .. }
        | Outcome::Silence { .. }
        | Outcome::ReportKept { .. }
        | Outcome::Tickets { .. } => unreachable!("no table speaks of it"),
        outcome => shop_words::outcome_parts(outcome, put),
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join("+") }
}

/// Number, refusal, whom it is about, and the figures of two refusals.
fn refused_parts(refused: &[BookingRefused]) -> String {
    joined(refused.iter().map(|refused| {
        let member = refused.member.as_deref().map(|name| format!(":{name}")).unwrap_or_default();
        let figures = match refused.refusal {
            Refusal::CapacityExceeded { asked, left } => format!(":{asked}/{left}"),
            Refusal::InsufficientBalance { balance, needed, .. } => format!(":{needed}/{balance}"),
            _ => String::new(),
        };
        format!("{}:{}{member}{figures}", refused.number, refusal_name(&refused.refusal))
    }))
}

/// What became of each part: its value, or the name of its refusal.
fn each<'a, T: std::fmt::Display + 'a>(parts: impl Iterator<Item = Result<T, &'a Refusal>>) -> String {
    let said =
        parts.map(|part| part.map_or_else(|refusal| refusal_name(refusal).to_owned(), |value| value.to_string()));
    said.collect::<Vec<_>>().join("+")
}

/// The refusal's own fields as it is stored, and `reason` for its name.
fn refusal_parts(refusal: &Refusal, put: &mut impl FnMut(&str, String)) {
    put("reason", refusal_name(refusal).to_owned());
    let stored = serde_json::to_value(refusal).expect("a refusal in JSON");
    assert_eq!(stored["refusal"], refusal_name(refusal), "the stored name");
    match refusal {
        Refusal::InsufficientBalance { balance, needed, floor } => {
            put("balance", balance.to_string());
            put("needed", needed.to_string());
            put("floor", floor.to_string());
        }
        Refusal::BatchRefused { refused } => put("refused", refused_parts(refused)),
        Refusal::DangerousEdit { dangers } => {
            let dangers: Vec<_> = dangers.iter().map(danger_name).collect();
            put("dangers", dangers.join("+"));
        }
        _ => {
            for (key, value) in stored.as_object().into_iter().flatten() {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                put(if key == "left" { "free" } else { key }, text);
            }
        }
    }
}
