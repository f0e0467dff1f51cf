//! Every text a person may read, in both languages. Log lines are not here: they are English and for the operator.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use jiff::tz::TimeZone;
use kernel::{
    BookingRefused, Cents, Code, ComplaintStatus, EntryKind, ExceptionAction, ExceptionKind, Fulfilment, Instant,
    MealStatus, MemberStatus, Noun, OpenEnd, OrderAction, OrderStatus, PayClient, PayWith, Payer, Permission,
    Permissions, RefundState, Refusal, RoleScope, RoundStatus, ShopStatus, Slot, StoreKind, StoreProperty,
    SubscriptionStatus, TopupStatus,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Chinese,
    English,
}

impl Language {
    /// The best of what `Accept-Language` asks for; Chinese where it names neither language.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let Some(wanted) = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()) else {
            return Self::Chinese;
        };
        let mut best = (Self::Chinese, 0);
        for range in wanted.split(',') {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default().trim();
            let primary = tag.split('-').next().unwrap_or_default();
            let language = match primary {
                _ if primary.eq_ignore_ascii_case("en") => Self::English,
                _ if primary.eq_ignore_ascii_case("zh") => Self::Chinese,
                _ => continue,
            };
            let weight = parts.find_map(|part| part.trim().strip_prefix("q=")).map_or(1000, thousandths);
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }
}

/// A weight as HTTP writes it, `0`, `0.8`, `1.000`, in thousandths; zero where it is none.
fn thousandths(text: &str) -> u32 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    match whole {
        "1" => 1000,
        "0" => format!("{fraction:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

/// One text that needs no figures, in both languages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text {
    zh: &'static str,
    en: &'static str,
}

impl Text {
    pub(crate) fn in_language(self, language: Language) -> &'static str {
        match language {
            Language::Chinese => self.zh,
            Language::English => self.en,
        }
    }
}

pub(crate) const fn text(zh: &'static str, en: &'static str) -> Text {
    Text { zh, en }
}

/// Formats only the language that is asked for.
macro_rules! say {
    ($language:expr, $zh:literal, $en:literal $(,)?) => {
        match $language {
            $crate::texts::Language::Chinese => format!($zh),
            $crate::texts::Language::English => format!($en),
        }
    };
}
pub(crate) use say;

pub(crate) const OK: Text = text("成功", "OK");
pub(crate) const CREATED: Text = text("已创建", "Created");
pub(crate) const SAVED: Text = text("已保存", "Saved");
pub(crate) const DELETED: Text = text("已删除", "Deleted");
pub(crate) const DRY_RUN: Text = text("试算完成，未作任何更改", "Dry run: nothing was changed");

/// What went wrong, where nothing more is known than the code.
pub(crate) fn code(code: Code) -> Text {
    match code {
        Code::InvalidToken => text("请先登录", "Please sign in"),
        Code::SecondFactorRequired => text(
            "还需输入动态验证码，请在管理后台登录",
            "A code of your authenticator app is asked for; sign in to the console",
        ),
        Code::InvalidSignature => text("签名无效", "The signature does not hold"),
        Code::PermissionDenied => text("您没有这项权限", "You may not do this"),
        Code::NotFound => text("没有找到", "Not found"),
        Code::MethodNotAllowed => text("该路径不支持此方法", "This path does not take this method"),
        Code::RequestTimeout => text("请求内容未能及时送达", "The request did not arrive in time"),
        Code::PayloadTooLarge => text("请求内容过大", "The request is too large"),
        Code::UnsupportedMediaType => text("请求内容须为 application/json", "The body must be application/json"),
        Code::ValidationError => {
            text("请求内容有误，请检查标出的字段", "The request is malformed; see the fields named")
        }
        Code::BusinessRule => text("规则不允许这样做", "A rule forbids this"),
        Code::CapacityExceeded => text("余量不足", "Not enough portions are left"),
        Code::OrderLocked => text("订单已锁定", "The order is locked"),
        Code::MealNotOpen => text("餐次当前不接受订餐", "The meal does not take orders now"),
        Code::DuplicateOrder => text("您已订过这一餐", "You already have an order for this meal"),
        Code::InvalidStatusTransition => text("当前状态不允许这一步", "The state does not allow this step"),
        Code::InsufficientBalance => text("余额不足", "The balance is too low"),
        Code::InsufficientTickets => text("礼票不足", "Not enough tickets are left"),
        Code::OutOfStock => text("库存不足", "Not enough pieces are left"),
        Code::UnpaidOrderExists => text("请先支付之前的订单", "An earlier order has to be paid first"),
        Code::DeviceOffline => text("柜机不在线，暂时不能开门", "The cabinet is offline"),
        Code::DeviceBusy => text("柜机正在使用中，请稍候", "The cabinet is serving somebody else"),
        Code::ConcurrencyError => text(
            "操作的人太多，未作任何更改，请重试",
            "Others kept changing the same things; nothing was done, please try again",
        ),
        Code::IdempotencyConflict => {
            text("该幂等键已用于另一个请求", "This idempotency key was used with another request")
        }
        Code::RateLimited => text("请求过于频繁，请稍后再试", "Too many requests, please come back later"),
        Code::ProviderError => text("外部服务暂时不可用，请重试", "An outside service failed, please try again"),
        Code::OutcomeUnknown => text(
            "结果尚不确定，请用同一幂等键再次提交",
            "The outcome is not known: ask again with the same idempotency key",
        ),
        Code::Unavailable => text("服务繁忙，请稍后再试", "The service is busy, please come back shortly"),
        Code::Internal => {
            text("服务内部错误，请联系管理员并提供请求编号", "A fault of the service; please report the request id")
        }
    }
}

pub(crate) const BAD_CREDENTIALS: Text =
    text("登录信息不正确或已过期，请重试", "What you signed in with is wrong or has expired, please try again");
pub(crate) const NOT_READY: Text = text("服务尚未就绪", "The service is not ready");
pub(crate) const SIGNED_IN: Text = text("登录成功", "Signed in");
pub(crate) const SIGNED_OUT: Text = text("已退出登录", "Signed out");
pub(crate) const PASSWORD_CHANGED: Text = text("密码已更改", "The password is changed");
pub(crate) const SECOND_FACTOR_ON: Text = text("两步验证已开启", "The second factor is on");
pub(crate) const ERASED: Text = text("已注销，个人信息已清除", "Erased; nothing personal is kept");
pub(crate) const SECOND_FACTOR_OFF: Text = text("两步验证已关闭", "The second factor is off");
pub(crate) const SET_UP_REQUIRED: Text = text(
    "请先在管理后台设置两步验证，再继续使用",
    "Everybody who works here needs a second factor: set it up in the console first",
);
pub(crate) const SESSION_CLOSED: Text = text("会话已结束", "Signed out there");
pub(crate) const ORDERED: Text = text("订餐成功", "Ordered");
pub(crate) const ORDERED_INTO_DEBT: Text =
    text("订餐成功，余额已为负，请及时充值", "Ordered; the balance is below zero now, please top up");
pub(crate) const ORDER_CHANGED: Text = text("订单已修改", "The order was changed");
pub(crate) const ORDER_CANCELED: Text = text("订单已取消，已退款", "The order was canceled and paid back");
pub(crate) const BATCH_DONE: Text = text("批量处理完成", "The orders were processed");
pub(crate) const BATCH_PARTLY_DONE: Text =
    text("批量处理完成，部分订单未能处理", "Some of the orders could not be processed");
pub(crate) const ORDER_TWICE: Text = text("该订单在本次请求中重复出现", "This order stands in the request twice");
pub(crate) const REDEEMED: Text = text("已取餐", "Handed out");
pub(crate) const BATCH_BOOKED: Text = text("批量报餐提交完成", "The batch was booked");
pub(crate) const QUICK_BATCH_BOOKED: Text = text("快速批量报餐提交完成", "The quick batch was booked");
pub(crate) const NOTHING_BOOKED: Text = text("没有可提交的订单，未报餐", "Nothing was booked");
pub(crate) const GROUP_ORDER_CANCELED: Text =
    text("报餐已取消，已退款", "The group order was called off and paid back");
pub(crate) const NOT_YOUR_DEPARTMENT: Text = text("只能为本部门报餐", "You may book for your own department only");
pub(crate) const NO_MENU: Text = text("菜单尚未发布", "The menu is not published yet");
pub(crate) const RECHARGED: Text = text("充值成功", "The money is in the wallet");
pub(crate) const ADJUSTED: Text = text("余额已调整", "The wallet was adjusted");
pub(crate) const REPAIRED: Text = text("已修复", "Repaired");
pub(crate) const NOTHING_TO_REPAIR: Text = text("数据正常，无需修复", "Nothing needed repair");
pub(crate) const CAPACITY_IS_RIGHT: Text =
    text("餐次容量正常，无需修复", "The meal is within its capacity, nothing needed repair");
pub(crate) const JOB_RAN: Text = text("任务已完成", "The job has run");
pub(crate) const JOB_RUNS: Text = text("任务正在运行", "The job is running");
pub(crate) const JOB_FAILED: Text = text("任务未能完成", "The job has failed");
pub(crate) const RULE_SILENCED: Text = text("告警规则已静默", "The rule is silenced");
pub(crate) const SILENCE_ENDED: Text = text("静默已结束", "The silence is over");
pub(crate) const CHANNEL_TRIED: Text = text("测试消息已发送", "The test message is sent");
pub(crate) const JOB_PAUSED: Text = text("任务已暂停", "The job is paused");
pub(crate) const JOB_RESUMED: Text = text("任务已恢复", "The job goes on");
pub(crate) const TOPUP_CREATED: Text = text("请支付", "Please pay");
pub(crate) const REFUND_BEGUN: Text = text("退款已受理", "The refund is on its way");
pub(crate) const EXCEPTION_RESOLVED: Text = text("异常单已处理", "The exception is settled");
pub(crate) const SHOP_ORDERED: Text = text("下单成功", "Ordered");
pub(crate) const SHOP_ORDER_PAID: Text = text("支付成功", "Paid");
pub(crate) const SHOP_ORDER_CANCELED: Text = text("订单已取消", "The order was canceled");
pub(crate) const SHOP_ORDER_REFUNDED: Text = text("订单已退款", "The order was refunded");
pub(crate) const ROUND_DRAWN: Text = text("已开奖", "The round was drawn");
pub(crate) const ROUND_CANCELED: Text =
    text("期次已取消，已全部退款", "The round was called off and everybody paid back");
pub(crate) const PREVIEW: Text = text("预览完成，尚未导入", "Preview: nothing was imported yet");
pub(crate) const IMPORTED: Text = text("已导入", "Imported");
pub(crate) const CORRECTED: Text = text("订单已修正", "The order is corrected");
pub(crate) const CORRECTION_WAITS: Text =
    text("超过单人修正上限，等待另一位人员复核", "The correction waits for a second person");
pub(crate) const CORRECTION_REFUSED: Text = text("修正已驳回", "The correction is refused");
pub(crate) const COMPLAINT_FILED: Text = text("投诉已提交", "The complaint is on its way");
pub(crate) const COMPLAINT_REFUNDED: Text = text("礼票已退还", "The tickets are given back");
pub(crate) const DOOR_ASKED: Text = text("正在开门", "The door is being opened");
pub(crate) const NO_SUCH_PATH: Text = text("没有这个路径", "There is no such path");

pub(crate) fn noun(noun: Noun, language: Language) -> &'static str {
    match noun {
        Noun::Member => text("用户", "member"),
        Noun::Department => text("部门", "department"),
        Noun::Meal => text("餐次", "meal"),
        Noun::Order => text("订单", "order"),
        Noun::Session => text("会话", "session"),
        Noun::GroupOrder => text("报餐单", "group order"),
        Noun::Account => text("账户", "account"),
        Noun::Job => text("任务", "job"),
        Noun::Topup => text("充值单", "top-up order"),
        Noun::Refund => text("退款单", "refund"),
        Noun::Exception => text("异常单", "exception"),
        Noun::JobRun => text("任务记录", "job run"),
        Noun::Product => text("商品", "product"),
        Noun::Round => text("期次", "round"),
        Noun::Subscription => text("长期订餐", "standing booking"),
        Noun::Store => text("门店", "store"),
        Noun::Device => text("柜机", "cabinet"),
        Noun::DoorSession => text("开门会话", "door session"),
        Noun::ScoreOrder => text("支付分订单", "pay score order"),
        Noun::Correction => text("修正单", "correction"),
        Noun::Complaint => text("投诉", "complaint"),
        Noun::Silence => text("静默", "silence"),
        Noun::Report => text("报告", "report"),
        Noun::Role => text("角色", "role"),
    }
    .in_language(language)
}

pub(crate) fn meal_status(status: MealStatus, language: Language) -> &'static str {
    match status {
        MealStatus::Draft => text("草稿", "draft"),
        MealStatus::Published => text("已发布", "published"),
        MealStatus::Locked => text("已锁定", "locked"),
        MealStatus::Completed => text("已完成", "completed"),
        MealStatus::Canceled => text("已取消", "canceled"),
    }
    .in_language(language)
}

pub(crate) fn order_status(status: OrderStatus, language: Language) -> &'static str {
    match status {
        OrderStatus::Active => text("有效", "active"),
        OrderStatus::Locked => text("已锁定", "locked"),
        OrderStatus::Completed => text("已完成", "completed"),
        OrderStatus::Canceled => text("已取消", "canceled"),
        OrderStatus::Refunded => text("已退款", "refunded"),
    }
    .in_language(language)
}

pub(crate) fn topup_status(status: TopupStatus, language: Language) -> &'static str {
    match status {
        TopupStatus::Pending => text("待支付", "pending"),
        TopupStatus::Paid => text("已支付", "paid"),
        TopupStatus::Expired => text("已过期", "expired"),
        TopupStatus::Failed => text("已失败", "failed"),
        TopupStatus::Refunding => text("退款中", "being refunded"),
        TopupStatus::Refunded => text("已退款", "refunded"),
    }
    .in_language(language)
}

pub(crate) fn member_status(status: MemberStatus, language: Language) -> &'static str {
    match status {
        MemberStatus::Active => text("正常", "active"),
        MemberStatus::Disabled => text("已停用", "disabled"),
    }
    .in_language(language)
}

pub(crate) fn pay_client(client: PayClient, language: Language) -> &'static str {
    match client {
        PayClient::Jsapi => text("小程序", "mini program"),
        PayClient::Native => text("扫码", "QR code"),
        PayClient::H5 => text("手机网页", "mobile web"),
    }
    .in_language(language)
}

pub(crate) fn refund_state(state: RefundState, language: Language) -> &'static str {
    match state {
        RefundState::Asked => text("已提交", "asked for"),
        RefundState::Processing => text("退款中", "under way"),
        RefundState::Abnormal => text("异常", "abnormal"),
        RefundState::Succeeded => text("已退款", "refunded"),
        RefundState::Returned => text("已退回余额", "back in the wallet"),
    }
    .in_language(language)
}

pub(crate) fn pay_with(with: PayWith, language: Language) -> &'static str {
    match with {
        PayWith::Balance => text("余额", "wallet"),
        PayWith::Wechat => text("微信支付", "WeChat Pay"),
    }
    .in_language(language)
}

pub(crate) fn complaint_status(status: ComplaintStatus, language: Language) -> &'static str {
    match status {
        ComplaintStatus::Open => text("待回复", "open"),
        ComplaintStatus::Answered => text("已回复", "answered"),
        ComplaintStatus::Closed => text("已结束", "closed"),
    }
    .in_language(language)
}

pub(crate) fn payer(payer: Payer, language: Language) -> &'static str {
    match payer {
        Payer::Member => text("用户", "member"),
        Payer::Department => text("部门", "department"),
    }
    .in_language(language)
}

pub(crate) fn exception_kind(kind: ExceptionKind, language: Language) -> &'static str {
    match kind {
        ExceptionKind::AmountMismatch => text("金额不符", "Amounts differ"),
        ExceptionKind::UnknownOrder => text("未知的充值单", "Unknown top-up"),
        ExceptionKind::PaidTwice => text("重复支付", "Paid twice"),
        ExceptionKind::TransactionReused => text("支付单号重复", "Payment number used twice"),
        ExceptionKind::UnknownRefund => text("未知的退款", "Unknown refund"),
        ExceptionKind::RefundAbnormal => text("退款异常", "Refund could not be paid out"),
        ExceptionKind::RefundMismatch => text("退款金额不符", "Refund amounts differ"),
        ExceptionKind::NotInBill => text("账单里没有", "Not in the bill"),
        ExceptionKind::DeliveryFailed => text("投递失败", "Delivery failed"),
        ExceptionKind::UnknownGoods => text("未知商品", "Unknown goods"),
        ExceptionKind::PriceMismatch => text("价格不符", "Prices differ"),
        ExceptionKind::AmountOverLimit => text("金额超限", "Amount over the limit"),
        ExceptionKind::SettlementMissing => text("缺少结算", "Settlement missing"),
        ExceptionKind::SettlementConflict => text("结算矛盾", "Settlements contradict"),
        ExceptionKind::CallbackMismatch => text("回调不符", "Message does not fit"),
        ExceptionKind::CabinetAlarm => text("柜机报警", "Cabinet alarm"),
        ExceptionKind::PayScoreMismatch => text("支付分不符", "Pay score does not fit"),
        ExceptionKind::StockNegative => text("库存为负", "Stock below zero"),
    }
    .in_language(language)
}

pub(crate) fn exception_action(action: ExceptionAction, language: Language) -> &'static str {
    match action {
        ExceptionAction::Credit => text("按实收入账", "Credit what was received"),
        ExceptionAction::RefundToOrigin => text("原路退回", "Send it back"),
        ExceptionAction::ReturnToBalance => text("退回余额", "Return to the wallet"),
        ExceptionAction::Record => text("补记退款", "Record the refund"),
        ExceptionAction::TakeBack => text("从余额收回", "Take it back"),
        ExceptionAction::Retry => text("重试", "Try again"),
        ExceptionAction::Charge => text("按现价扣款", "Charge by our list"),
        ExceptionAction::Dismiss => text("只记录，不动账", "Note only, move no money"),
    }
    .in_language(language)
}

pub(crate) fn slot(slot: Slot, language: Language) -> &'static str {
    match slot {
        Slot::Breakfast => text("早餐", "breakfast"),
        Slot::Lunch => text("午餐", "lunch"),
        Slot::Dinner => text("晚餐", "dinner"),
    }
    .in_language(language)
}

pub(crate) fn store_kind(kind: StoreKind, language: Language) -> &'static str {
    match kind {
        StoreKind::Children => text("儿童", "children"),
        StoreKind::Arcade => text("电玩", "arcade"),
        StoreKind::Sports => text("运动馆", "sports"),
    }
    .in_language(language)
}

pub(crate) fn store_property(property: StoreProperty, language: Language) -> &'static str {
    match property {
        StoreProperty::Own => text("直营", "own"),
        StoreProperty::Franchise => text("加盟", "franchise"),
    }
    .in_language(language)
}

pub(crate) fn round_status(status: RoundStatus, language: Language) -> &'static str {
    match status {
        RoundStatus::Open => text("进行中", "open"),
        RoundStatus::SoldOut => text("已售罄", "sold out"),
        RoundStatus::Drawn => text("已开奖", "drawn"),
        RoundStatus::Failed => text("未成团", "over without a draw"),
    }
    .in_language(language)
}

pub(crate) fn shop_status(status: ShopStatus, language: Language) -> &'static str {
    match status {
        ShopStatus::Pending => text("待支付", "to be paid"),
        ShopStatus::Paid => text("已支付", "paid"),
        ShopStatus::Completed => text("已完成", "completed"),
        ShopStatus::Cancelled => text("已取消", "canceled"),
        ShopStatus::Expired => text("已过期", "expired"),
        ShopStatus::Refunded => text("已退款", "refunded"),
    }
    .in_language(language)
}

pub(crate) fn fulfilment(fulfilment: Fulfilment, language: Language) -> &'static str {
    match fulfilment {
        Fulfilment::NotNeeded => text("无需交付", "nothing to hand over"),
        Fulfilment::Pending => text("待处理", "waiting"),
        Fulfilment::Preparing => text("备货中", "being prepared"),
        Fulfilment::Ready => text("待取货", "ready"),
        Fulfilment::Shipped => text("已发货", "shipped"),
        Fulfilment::Completed => text("已完成", "completed"),
    }
    .in_language(language)
}

/// What an administrator did with an order.
pub(crate) fn processed(action: OrderAction) -> Text {
    match action {
        OrderAction::Complete => text("订单已完成", "The order was completed"),
        OrderAction::Cancel => ORDER_CANCELED,
        OrderAction::Refund => text("订单已退款", "The order was refunded"),
    }
}

/// What a line of a ledger is about.
pub(crate) fn entry(kind: EntryKind) -> Text {
    match kind {
        EntryKind::Grant => text("管理员充值", "Topped up by an administrator"),
        EntryKind::Adjustment => text("管理员调整", "Adjusted by an administrator"),
        EntryKind::OrderCharge => text("订餐扣款", "Meal ordered"),
        EntryKind::OrderChange => text("订单变更差额", "Order changed"),
        EntryKind::OrderRefund => text("订单退款", "Order refunded"),
        EntryKind::TopUp => text("微信充值", "Topped up by WeChat"),
        EntryKind::TopUpRefund => text("充值退款", "Top-up refunded"),
    }
}

/// What tickets moved for.
pub(crate) fn ticket_entry(kind: EntryKind) -> Text {
    match kind {
        EntryKind::Grant => text("管理员发放", "Given by an administrator"),
        EntryKind::Adjustment => text("管理员收回", "Taken back by an administrator"),
        EntryKind::OrderCharge => text("柜机消费", "Bought from a cabinet"),
        EntryKind::OrderRefund => text("柜机退还", "Given back for a cabinet order"),
        EntryKind::OrderChange | EntryKind::TopUp | EntryKind::TopUpRefund => entry(kind),
    }
}

/// For the counter, which may know who was there before.
pub(crate) fn redeemed_by(at: Instant, by: &str, language: Language, zone: &TimeZone) -> String {
    let at = local(at, zone);
    say!(language, "该订单已于 {at} 由 {by} 核销取餐", "This order was handed out at {at} by {by}")
}

fn named(permissions: Permissions) -> String {
    permissions.iter().map(Permission::as_str).collect::<Vec<_>>().join(", ")
}

/// What a permission allows, in Chinese; the documentation's words for it are the English ones.
pub(crate) fn permission(permission: Permission) -> &'static str {
    use Permission as P;
    match permission {
        P::OrderPlace => "下单、修改和取消自己的订餐",
        P::OrderProcess => "完成、取消和退款任何人的订餐",
        P::OrderRedeem => "核销取餐",
        P::MealRead => "查看已发布的餐次",
        P::MealWrite => "创建、编辑和管理餐次",
        P::MealReadOrders => "查看餐次的订餐明细",
        P::WalletOwn => "查看自己的余额和流水",
        P::WalletRead => "查看任何人的余额和流水",
        P::WalletWrite => "给钱包充值或扣减",
        P::MemberRead => "查看用户",
        P::MemberWrite => "新增、修改和停用用户",
        P::MemberErase => "注销用户并清除其数据",
        P::MemberExport => "导出某位用户的全部数据",
        P::PersonalOpenid => "查看用户完整的 openid，每次查看都有记录",
        P::PersonalAddress => "查看商城订单完整的地址，每次查看都有记录",
        P::ShopRead => "查看商品和期次",
        P::ShopBuy => "在商城购买，查看自己的订单",
        P::ShopWrite => "管理商品、库存和期次",
        P::ShopOrders => "查看和交付任何人的商城订单",
        P::ShopRefund => "退款商城订单",
        P::CabinetUse => "开柜，查看自己的柜机订单",
        P::CabinetRead => "查看门店、柜机和任何人的柜机订单",
        P::CabinetWrite => "管理门店、柜机和柜内商品",
        P::CabinetCorrect => "更正柜机订单，复核他人提出的更正",
        P::ComplaintHandle => "查看、分派、答复和关闭投诉",
        P::DepartmentWrite => "创建和修改部门",
        P::DepartmentBook => "为部门成员报餐",
        P::RoleWrite => "创建、修改和删除角色",
        P::ConsistencyRead => "运行一致性检查",
        P::ConsistencyRepair => "修复检查发现的问题",
        P::AuditRead => "查看审计记录",
        P::ExceptionRead => "查看待人工处理的异常",
        P::ExceptionSettle => "处理异常",
        P::JobRun => "查看和运行任务",
        P::AlertRead => "查看告警、规则和静默",
        P::AlertWrite => "静默告警规则，测试通知渠道",
        P::ReportRead => "查看日报、异常报告和健康报告",
        P::SettingsRead => "查看系统配置，不含密钥",
    }
}

/// Why a command was refused, with its figures.
pub(crate) fn refusal(refusal: &Refusal, language: Language, zone: &TimeZone) -> String {
    match refusal {
        Refusal::NotFound { noun: kind } => {
            let kind = noun(*kind, language);
            say!(language, "没有这个{kind}", "There is no such {kind}")
        }
        Refusal::NotYours => say!(language, "这不是您的订单", "This order is not yours"),
        Refusal::NoAccount => {
            say!(
                language,
                "该成员没有登录账号，先设置账号",
                "The member has no account name to sign in with; give one first"
            )
        }
        Refusal::Yourself => say!(language, "不能停用自己的账号", "Nobody can disable themselves"),
        Refusal::LastAdministrator => {
            say!(language, "至少要保留一位可登录的管理员", "There has to be an administrator who can sign in")
        }
        Refusal::RowTwice { row } => {
            say!(language, "与第 {row} 行重复", "The same as row {row}")
        }
        Refusal::ValueMissing { field: _ } => say!(language, "新建时必填", "Needed for a new one"),
        Refusal::ImportRefused { rows } => {
            say!(language, "有 {rows} 行不能导入，整个文件未导入", "Nothing was imported: rows that cannot be: {rows}")
        }
        Refusal::ImportChanged => say!(
            language,
            "数据在预览之后有变动，未导入，请重新预览",
            "Something has changed since the preview; nothing was imported, please look at it again",
        ),
        Refusal::RoleOfAll => say!(language, "每个人都是用户，不能授予或收回", "Everybody is a member"),
        Refusal::RoleScope { role: _, scope: RoleScope::Department } => {
            say!(language, "该角色须指明部门", "This role is held in a department, which has to be named")
        }
        Refusal::RoleScope { role: _, scope: RoleScope::Store } => {
            say!(language, "该角色只能限定到门店", "This role is held in a store, or in all of them")
        }
        Refusal::RoleScope { role: _, scope: RoleScope::House } => {
            say!(language, "该角色不能限定范围", "This role is held in the whole house")
        }
        Refusal::PermissionScope { permissions, scope } => {
            let names = named(*permissions);
            match scope {
                RoleScope::Store => {
                    say!(language, "限定到门店的角色不能有: {names}", "Not for a role that is held in a store: {names}")
                }
                _ => {
                    say!(
                        language,
                        "限定到部门的角色不能有: {names}",
                        "Not for a role that is held in a department: {names}"
                    )
                }
            }
        }
        Refusal::BeyondYours { permissions } => {
            let names = named(*permissions);
            say!(language, "您自己没有这些权限: {names}", "You do not hold these permissions yourself: {names}")
        }
        Refusal::RoleTaken { code } => {
            say!(language, "角色代码 {code} 已被使用", "There is a role {code} already")
        }
        Refusal::RoleBuiltIn => {
            say!(language, "内置角色不能删除", "This is one of the roles that every house has; it cannot be deleted")
        }
        Refusal::RoleFixed => {
            say!(language, "管理员角色不能更改", "The administrator's role stays as it is")
        }
        Refusal::RoleHeld { holders } => {
            say!(
                language,
                "仍有 {holders} 人持有该角色，先收回",
                "The role is held still, take it from them first: {holders}"
            )
        }
        Refusal::RoleChanged { version: _ } => {
            say!(
                language,
                "该角色已被他人修改，请刷新后再试",
                "Somebody has changed the role meanwhile; please look again"
            )
        }
        Refusal::NotInDepartment => say!(language, "该用户不属于本部门", "This member is of another department"),
        Refusal::DepartmentDecides => {
            say!(
                language,
                "部门不允许自行修改或取消，请联系部门管理员",
                "The department decides: ask its administrator"
            )
        }
        Refusal::MemberTwice => say!(language, "同一用户重复出现", "The same member is named twice"),
        Refusal::PastDate { date: _ } => {
            say!(language, "不能为过去的日期报餐", "Meals of past dates can no longer be booked")
        }
        Refusal::SilencePast => {
            say!(language, "静默的结束时间须在将来", "A silence has to end in the future")
        }
        Refusal::AlreadyRedeemed { at, by: _ } => {
            let at = local(*at, zone);
            say!(language, "该订单已于 {at} 取餐", "This order was handed out at {at}")
        }
        Refusal::CalledOff => say!(language, "已取消本餐", "This member has canceled an order for this meal"),
        Refusal::SubscriptionNotActive { status } => {
            let status = match status {
                SubscriptionStatus::Active => say!(language, "进行中", "active"),
                SubscriptionStatus::Paused => say!(language, "已暂停", "paused"),
                SubscriptionStatus::Ended => say!(language, "已结束", "over"),
            };
            say!(language, "该长期订餐{status}", "This standing booking is {status}")
        }
        Refusal::UnknownWindow { window } => {
            say!(language, "本餐没有 {window} 这个取餐时间", "This meal's orders are not fetched at {window}")
        }
        Refusal::NotServedYet { date } => {
            say!(language, "{date} 才能取餐", "This order is handed out on {date}, not before")
        }
        Refusal::AlreadyBooked => say!(language, "已经报餐", "This member has an order for this meal already"),
        Refusal::BatchRefused { refused } => {
            let count = refused.len();
            say!(
                language,
                "有 {count} 个订单不能报餐，整批未提交",
                "Nothing was booked: orders of the batch that cannot be: {count}",
            )
        }
        Refusal::MemberDisabled => say!(language, "该用户已停用", "This member is disabled"),
        Refusal::MemberErased => say!(language, "该用户已注销", "This member was erased"),
        Refusal::OpenEnds { open } => {
            let ends: Vec<_> = open.keys().map(|end| open_end(*end, language)).collect();
            match language {
                Language::Chinese => format!("请先处理：{}", ends.join("、")),
                Language::English => format!("First see to: {}", ends.join(", ")),
            }
        }
        Refusal::AccountTaken { account } => {
            let account = account.as_str();
            say!(language, "账号 {account} 已被使用", "The account {account} is taken")
        }
        Refusal::OpenidTaken => say!(language, "该微信用户已存在", "This WeChat user is a member already"),
        Refusal::DepartmentTaken { code } => {
            let code = code.as_str();
            say!(language, "部门编号 {code} 已被使用", "The department code {code} is taken")
        }
        Refusal::DateTaken { date, slot: at, meal: _ } => {
            let at = slot(*at, language);
            say!(language, "{date} 的{at}已有餐次", "There is a {at} on {date} already")
        }
        Refusal::UnknownOption { option } => {
            say!(language, "这一餐没有选项 {option}", "This meal has no option {option}")
        }
        Refusal::OptionChosenTwice { option } => {
            say!(language, "选项 {option} 重复选择", "Option {option} is chosen twice")
        }
        Refusal::OptionIdTwice { option } => {
            say!(language, "选项编号 {option} 重复", "Two options have the id {option}")
        }
        Refusal::MealNotOpen { status } => {
            let status = meal_status(*status, language);
            say!(language, "餐次{status}，不能订餐或改单", "The meal is {status} and takes no orders or changes")
        }
        Refusal::OrdersClosed { since } => {
            let since = local(*since, zone);
            say!(language, "订餐已于 {since} 截止", "Ordering closed at {since}")
        }
        Refusal::OrderLocked => {
            say!(language, "订单已锁定，不能修改或取消", "The order is locked and can no longer be changed")
        }
        Refusal::OrderNotActive { status } => {
            let status = order_status(*status, language);
            say!(language, "订单{status}，不能修改或取消", "The order is {status} and can no longer be changed")
        }
        Refusal::OrderStep { from, to } => {
            let (from, to) = (order_status(*from, language), order_status(*to, language));
            say!(language, "订单{from}，不能变为{to}", "An order that is {from} cannot become {to}")
        }
        Refusal::DuplicateOrder { order: _ } => code(Code::DuplicateOrder).in_language(language).to_owned(),
        // Each step begins in one state: the other one of the two that publish a meal is what is meant.
        Refusal::MealStep { from: MealStatus::Locked, to: MealStatus::Published } => {
            say!(language, "餐次已锁定，请改用解锁", "The meal is locked: unlock it instead")
        }
        Refusal::MealStep { from: MealStatus::Draft, to: MealStatus::Published } => {
            say!(language, "餐次是草稿，请改用发布", "The meal is a draft: publish it instead")
        }
        Refusal::MealStep { from, to } => {
            let (from, to) = (meal_status(*from, language), meal_status(*to, language));
            say!(language, "餐次{from}，不能变为{to}", "A {from} meal cannot become {to}")
        }
        Refusal::MealFinal { status } => {
            let status = meal_status(*status, language);
            say!(language, "餐次{status}，不能再编辑", "The meal is {status} and can no longer be edited")
        }
        Refusal::OrdersCompleted { count } => {
            say!(
                language,
                "已有 {count} 个订单完成，不能取消整个餐次；请逐单退款后完成餐次",
                "Completed orders: {count}. The meal cannot be canceled any more; refund the others and complete the meal",
            )
        }
        Refusal::JobRunning { run: _, since } => {
            let since = local(*since, zone);
            say!(language, "任务正在运行（{since} 开始）", "The job is running since {since}")
        }
        Refusal::NoOpenid => {
            say!(language, "您的账号未绑定微信，请换一种方式支付", "WeChat does not know you: pay in another way")
        }
        Refusal::TopupOutOfLimits { least, most } => {
            say!(language, "每次充值须在 {least} 元到 {most} 元之间", "A top-up must lie between ¥{least} and ¥{most}")
        }
        Refusal::TopupNotPayable { status } => {
            let status = topup_status(*status, language);
            say!(language, "充值单{status}，不能支付", "The top-up order is {status} and cannot be paid")
        }
        Refusal::TopupNotRefundable { status } => {
            let status = topup_status(*status, language);
            say!(language, "充值单{status}，现在不能退款", "The top-up order is {status} and cannot be refunded now")
        }
        Refusal::RefundTooLarge { left } => {
            say!(language, "最多还能退 {left} 元", "At most ¥{left} can still be refunded")
        }
        Refusal::ExceptionResolved => say!(language, "异常单已处理", "The exception is settled already"),
        Refusal::ExceptionAction { kind: _, action: _ } => {
            say!(language, "这项处理不适用于该异常单", "This cannot settle the exception")
        }
        Refusal::JobNotDue => say!(language, "任务已由他人开始", "Somebody else has begun the job"),
        Refusal::DangerousEdit { dangers } => {
            let count = dangers.len();
            say!(
                language,
                "这次编辑有 {count} 处会影响已下的订单，请改用重新发布（会退还全部订单）",
                "{count} of these changes would break orders already placed; repost the meal instead, which refunds them all",
            )
        }
        Refusal::CapacityExceeded { asked, left: 1 } => {
            say!(language, "只剩 1 份，您要 {asked} 份", "Only 1 portion is left, you asked for {asked}")
        }
        Refusal::CapacityExceeded { asked, left: 0 } => {
            say!(language, "已订满，您要 {asked} 份", "Nothing is left, you asked for {asked}")
        }
        Refusal::CapacityExceeded { asked, left } => {
            say!(language, "只剩 {left} 份，您要 {asked} 份", "Only {left} portions are left, you asked for {asked}")
        }
        Refusal::OverCapacity { ordered, capacity } => {
            say!(
                language,
                "仅不可改动的占用就有 {ordered} 份，超过容量 {capacity} 份，无法这样修复",
                "{ordered} portions are taken that this repair must not touch, more than the capacity of {capacity}",
            )
        }
        Refusal::InsufficientBalance { balance, needed, floor } => {
            if *floor == Cents::ZERO {
                say!(
                    language,
                    "余额不足：余额 {balance} 元，需要 {needed} 元",
                    "The balance is too low: it is ¥{balance}, this takes ¥{needed}",
                )
            } else {
                say!(
                    language,
                    "余额不足：余额 {balance} 元，需要 {needed} 元，余额不得低于 {floor} 元",
                    "The balance is too low: it is ¥{balance}, this takes ¥{needed}, and it may not fall below ¥{floor}",
                )
            }
        }
        Refusal::InsufficientTickets { tickets, needed } => say!(
            language,
            "礼票不足：现有 {tickets}，需要 {needed}",
            "Not enough tickets: there are {tickets}, this takes {needed}",
        ),
        Refusal::FactorOff => say!(language, "两步验证没有开启", "The second factor is not on"),
        Refusal::FactorMissing => {
            say!(
                language,
                "本店尚未配置数据密钥，不能开启两步验证",
                "Without a data key in the configuration there is no second factor"
            )
        }
        Refusal::FactorDemanded => say!(
            language,
            "本店要求员工开启两步验证，可以更换设备，不能关闭",
            "Everybody who works here has a second factor: you can move it to another phone, not turn it off",
        ),
        Refusal::OfferOver => {
            say!(language, "这个密钥已失效，请重新开始设置", "This secret counts no more; begin again")
        }
        Refusal::TicketOver => {
            say!(language, "登录已超时，请重新输入密码", "This sign-in is over; enter your password again")
        }
        Refusal::CodeWrong => say!(language, "验证码不正确", "is not right"),
        Refusal::CodeUsed => {
            say!(language, "这个验证码已用过，请等下一个", "was used before; wait for the next one")
        }
        Refusal::PayScoreMissing => {
            say!(language, "暂不支持微信支付分，请用礼票", "Pay score is not to be had; pay with tickets")
        }
        Refusal::PayScoreNotAllowed => {
            say!(language, "请先在微信中开通支付分，或用礼票", "Allow pay score in WeChat first, or pay with tickets")
        }
        Refusal::DeviceOffline => code(Code::DeviceOffline).in_language(language).to_owned(),
        Refusal::DeviceBusy => code(Code::DeviceBusy).in_language(language).to_owned(),
        Refusal::DoorUnsettled => {
            say!(language, "上一次开门尚未结算，请稍候", "Your last opening is not settled yet; please wait")
        }
        Refusal::UnpaidCabinetOrder { order: _ } => code(Code::UnpaidOrderExists).in_language(language).to_owned(),
        Refusal::CabinetOrderPaid => say!(language, "订单已支付", "The order is paid"),
        Refusal::PayScoreCollecting => say!(
            language,
            "微信支付分正在收取这笔订单，请稍后再试，也可在微信的订单页支付",
            "WeChat is collecting this order; try again later, or pay on its page in WeChat",
        ),
        Refusal::CabinetOrderPart { whole: _ } => {
            say!(
                language,
                "这是补扣单，请修正它关联的订单",
                "This is a surcharge; correct the order that it is linked to"
            )
        }
        Refusal::OrderCorrected { corrections } => say!(
            language,
            "订单已被他人修正，现有 {corrections} 次修正，请刷新后再试",
            "Somebody else has corrected the order; it now has {corrections} corrections",
        ),
        Refusal::PlanogramChanged { version } => say!(
            language,
            "陈列已被他人更改或有商品售出，现为第 {version} 版，请刷新后再试",
            "Somebody else has changed the planogram, or something was sold: it is version {version} now",
        ),
        Refusal::CorrectionWaiting { correction: _ } => {
            say!(language, "该订单有一笔修正正在等待复核", "A correction of this order waits for a second person")
        }
        Refusal::CorrectionDecided => say!(language, "修正单已处理", "The correction is decided already"),
        Refusal::SecondPersonNeeded => {
            say!(language, "须由另一位人员复核", "Somebody else than who asked for it has to decide")
        }
        Refusal::ConcededTooMuch { left } => say!(
            language,
            "超过单人退还上限，还可退 {left} 元；更多请用修正，由另一位人员复核",
            "One person may give back ¥{left} more; beyond that, correct the order, which a second person agrees to",
        ),
        Refusal::ComplaintOpen { complaint: _ } => {
            say!(language, "该订单已有未结束的投诉", "There is a complaint about this order that is not closed yet")
        }
        Refusal::HandlesNoComplaints => {
            say!(language, "该用户没有处理投诉的权限", "This member may not see to complaints")
        }
        Refusal::ComplaintClosed => say!(language, "投诉已结束", "The complaint is closed"),
        Refusal::NothingToCorrect => say!(language, "数量没有变化", "The order says so already"),
        Refusal::StoreTaken { code: taken } => {
            let taken = taken.as_str();
            say!(language, "门店编号 {taken} 已存在", "There is a store {taken} already")
        }
        Refusal::DeviceTaken { code: taken } => {
            let taken = taken.as_str();
            say!(language, "柜机编号 {taken} 已存在", "There is a cabinet {taken} already")
        }
        Refusal::ProductTwice { code: twice } => {
            let twice = twice.as_str();
            say!(language, "商品编号 {twice} 重复出现", "The product {twice} is there twice")
        }
        Refusal::PlanogramTooLarge { most } => say!(language, "数量须在 0 到 {most} 之间", "There can be 0 to {most}"),
        Refusal::AmountOutOfRange => say!(language, "金额超出范围", "The amount is out of range"),
        Refusal::EntriesMissing { count, last } => {
            say!(
                language,
                "流水有缺失：应有 {last} 条，实有 {count} 条，不能据此修复余额",
                "Entries are missing, {count} are there of {last}: what they add up to proves nothing",
            )
        }
        Refusal::NotOnSale => say!(language, "商品已下架", "The product is off sale"),
        Refusal::RoundNotOpen { status } => {
            let status = round_status(*status, language);
            say!(language, "期次{status}，不能购买", "The round is {status} and sells no shares")
        }
        Refusal::RoundNotBegun { opens_at } => {
            let opens_at = local(*opens_at, zone);
            say!(language, "期次将于 {opens_at} 开始", "The round opens at {opens_at}")
        }
        Refusal::RoundOver { since } => {
            let since = local(*since, zone);
            say!(language, "期次已于 {since} 截止", "The round closed at {since}")
        }
        Refusal::RoundStillOpen { closes_at } => {
            let closes_at = local(*closes_at, zone);
            say!(language, "期次到 {closes_at} 才截止", "The round is open until {closes_at}")
        }
        Refusal::RoundStep { from, to } => {
            let (from, to) = (round_status(*from, language), round_status(*to, language));
            say!(language, "期次{from}，不能变为{to}", "The round is {from} and cannot become {to}")
        }
        Refusal::ShopOrderOver { status } => {
            let status = shop_status(*status, language);
            say!(language, "订单{status}，不能这样操作", "The order is {status}")
        }
        Refusal::PaymentTooLate { since } => {
            let since = local(*since, zone);
            say!(language, "订单已于 {since} 超时，请重新下单", "The order lapsed at {since}, please order again")
        }
        Refusal::FulfilmentStep { from, to: None } => {
            let from = fulfilment(*from, language);
            say!(language, "订单{from}，不能取消", "The order is {from} and cannot be canceled")
        }
        Refusal::FulfilmentStep { from, to: Some(to) } => {
            let (from, to) = (fulfilment(*from, language), fulfilment(*to, language));
            say!(language, "订单{from}，不能变为{to}", "The order is {from} and cannot become {to}")
        }
        Refusal::SharesKept => {
            say!(language, "已支付的份额不能退还", "Shares that are paid for cannot be given back")
        }
        Refusal::LimitReached { limit, bought, asked } => say!(
            language,
            "每人限购 {limit} 件，您已有 {bought} 件，不能再购 {asked} 件",
            "Everybody may have {limit}; you have {bought} and asked for {asked} more",
        ),
        Refusal::TooManyUnpaid { most } => say!(
            language,
            "您有 {most} 个未支付的订单，请先支付或取消",
            "You have {most} unpaid orders; please pay or cancel one first",
        ),
        Refusal::OutOfStock { asked, left } => {
            say!(language, "库存不足：需要 {asked} 件，剩余 {left} 件", "Out of stock: {asked} asked for, {left} left")
        }
        Refusal::StockOutOfRange { most } => {
            say!(language, "数量须在 {most} 件以内", "That is more than {most} pieces")
        }
        Refusal::SharesOutOfRange { most } => {
            say!(language, "份额须在 1 至 {most} 之间", "A round has 1 to {most} shares")
        }
        Refusal::TooManyPictures { most } => say!(language, "图片最多 {most} 张", "{most} pictures at most"),
        Refusal::RoundTimes => {
            say!(language, "截止时间须晚于开始时间和现在", "It must close after it opens, and after now")
        }
        Refusal::AmountZero => say!(language, "金额不能为零", "The amount must not be zero"),
        Refusal::AmountNotPositive => say!(language, "金额必须大于零", "The amount must be above zero"),
        Refusal::CapacityOutOfRange { most } => {
            say!(language, "份数须在 0 到 {most} 之间", "A capacity must be 0 to {most}")
        }
        Refusal::NegativePrice => say!(language, "价格不能为负", "A price must not be negative"),
    }
}

fn open_end(end: OpenEnd, language: Language) -> &'static str {
    let text = match end {
        OpenEnd::Balance => text("钱包余额", "the money in the wallet"),
        OpenEnd::Debt => text("钱包欠款", "the wallet's debt"),
        OpenEnd::Tickets => text("剩余餐券", "tickets that are left"),
        OpenEnd::MealOrders => text("未完成的订餐", "open meal orders"),
        OpenEnd::ShopOrders => text("未完成的商城订单", "open shop orders"),
        OpenEnd::Openings => text("未结算的开门", "openings that are not settled"),
        OpenEnd::CabinetOrders => text("未支付的柜机订单", "unpaid cabinet orders"),
        OpenEnd::Topups => text("处理中的充值", "top-ups under way"),
        OpenEnd::Refunds => text("处理中的退款", "refunds under way"),
        OpenEnd::Complaints => text("未关闭的投诉", "open complaints"),
    };
    text.in_language(language)
}

/// What an order of a batch is told that was not booked.
pub(crate) fn booking_refused(refused: &BookingRefused, language: Language, zone: &TimeZone) -> String {
    let number = refused.number;
    let name = refused.member.as_deref().unwrap_or_default();
    match &refused.refusal {
        Refusal::NotFound { noun: Noun::Meal }
        | Refusal::MealNotOpen { status: MealStatus::Draft | MealStatus::Canceled } => {
            say!(language, "订单 {number}: 菜单尚未发布", "Order {number}: the menu is not published yet")
        }
        Refusal::NotFound { noun: Noun::Member } | Refusal::MemberDisabled => say!(
            language,
            "订单 {number}: 部分用户不存在或状态异常",
            "Order {number}: some members do not exist or are disabled",
        ),
        Refusal::NotInDepartment => say!(
            language,
            "订单 {number}: 用户 {name} 不属于本部门",
            "Order {number}: member {name} is not of this department",
        ),
        Refusal::AlreadyBooked => say!(
            language,
            "订单 {number}: 用户 {name} 已经报餐",
            "Order {number}: member {name} has an order for this meal already",
        ),
        Refusal::MemberTwice => {
            say!(language, "订单 {number}: 用户 {name} 重复出现", "Order {number}: member {name} is named twice")
        }
        Refusal::InsufficientBalance { .. } if name.is_empty() => {
            let why = refusal(&refused.refusal, language, zone);
            say!(language, "订单 {number}: 部门账户{why}", "Order {number}: the department's account: {why}")
        }
        other => {
            let why = refusal(other, language, zone);
            match (name, language) {
                ("", Language::Chinese) => format!("订单 {number}: {why}"),
                ("", Language::English) => format!("Order {number}: {why}"),
                (name, Language::Chinese) => format!("订单 {number}: 用户 {name} {why}"),
                (name, Language::English) => format!("Order {number}: member {name}: {why}"),
            }
        }
    }
}

/// A moment as a clock on the wall of the configured zone shows it.
fn local(instant: Instant, zone: &TimeZone) -> String {
    jiff::Timestamp::from_millisecond(instant.as_millis())
        .map(|moment| zone.to_datetime(moment).strftime("%Y-%m-%d %H:%M").to_string())
        .unwrap_or_else(|_| instant.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(accept: &str) -> Language {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, accept.parse().expect("a header"));
        Language::of(&headers)
    }

    #[test]
    fn the_language_is_the_best_of_the_two() {
        assert_eq!(Language::of(&HeaderMap::new()), Language::Chinese);
        assert_eq!(language("en"), Language::English);
        assert_eq!(language("EN-us"), Language::English);
        assert_eq!(language("fr, de;q=0.9"), Language::Chinese);
        assert_eq!(language("zh-CN,zh;q=0.9,en;q=0.8"), Language::Chinese);
        assert_eq!(language("fr, en;q=0.5, zh;q=0.25"), Language::English);
        assert_eq!(language("en;q=0, zh;q=0.1"), Language::Chinese);
        assert_eq!(language("en;q=, ,;"), Language::Chinese);
    }

    #[test]
    fn figures_are_named() {
        let zone = TimeZone::get("Asia/Shanghai").expect("bundled zone");
        let short = Refusal::CapacityExceeded { asked: 5, left: 3 };
        assert_eq!(refusal(&short, Language::Chinese, &zone), "只剩 3 份，您要 5 份");
        assert_eq!(refusal(&short, Language::English, &zone), "Only 3 portions are left, you asked for 5");
        let closed = Refusal::OrdersClosed { since: "2026-01-31T16:30:00Z".parse().expect("an instant") };
        assert_eq!(refusal(&closed, Language::Chinese, &zone), "订餐已于 2026-02-01 00:30 截止");
        let poor =
            Refusal::InsufficientBalance { balance: Cents::new(150), needed: Cents::new(2000), floor: Cents::ZERO };
        assert_eq!(refusal(&poor, Language::Chinese, &zone), "余额不足：余额 1.50 元，需要 20.00 元");
    }
}
