//! Bills made from the book: a day's trades, a day's movements of the merchant's account.

use std::io::Write;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::book::{BillFile, Book};
use super::notices::fresh_token;
use super::orders::Payment;
use super::refunds::Refund;
use super::reply::{Outcome, Reply, file, ok, refuse};
use super::{Call, MCHID};
use crate::settings::Settings;
use crate::text;
use crate::world::Shared;

const HOUR_MS: i64 = 3_600_000;
const KEPT_MS: i64 = 92 * 24 * HOUR_MS;
const ADDRESS_LIFE_MS: i64 = 5 * 60 * 1000;

pub(super) fn apply_trade(shared: &Shared, call: &Call) -> Outcome {
    let kind = call.query_value("bill_type").unwrap_or_else(|| "ALL".to_owned());
    let layout = match kind.as_str() {
        "ALL" => Layout::All,
        "SUCCESS" => Layout::Success,
        "REFUND" => Layout::Refund,
        _ => return Err(invalid("bill_type")),
    };
    apply(shared, call, |book, appid, from, to| trade_lines(book, appid, layout, from, to))
}

pub(super) fn apply_fund_flow(shared: &Shared, call: &Call) -> Outcome {
    // A parameter of the other bill: the real side answers that there is none.
    if call.query_value("bill_type").is_some() {
        return Err(none_there());
    }
    let account = call.query_value("account_type").unwrap_or_else(|| "BASIC".to_owned());
    if account != "BASIC" {
        return Err(none_there());
    }
    apply(shared, call, |book, _, from, to| fund_flow_lines(book, from, to))
}

fn apply(shared: &Shared, call: &Call, lines: impl Fn(&Book, &str, i64, i64) -> Option<Vec<String>>) -> Outcome {
    let settings = shared.settings();
    let now_ms = shared.config.clock.business_ms();
    let day = call.query_value("bill_date").ok_or_else(|| invalid("bill_date"))?;
    let (from, to) = text::day(&day).ok_or_else(|| invalid("bill_date"))?;
    let is_packed = match call.query_value("tar_type").as_deref() {
        None => false,
        Some("GZIP") => true,
        Some(_) => return Err(invalid("tar_type")),
    };
    if !settings.bills_at_once {
        if now_ms < to || now_ms - to > KEPT_MS {
            return Err(none_there());
        }
        if now_ms < to + 9 * HOUR_MS {
            return Err(refuse(400, "STATEMENT_CREATING", "请求的账单正在生成中，请稍后再试", 268_435_464));
        }
    }
    let mut book = shared.pay.book();
    let lines = lines(&book, &shared.config.appid, from, to).ok_or_else(none_there)?;
    let plain = bill_text(&lines, &settings);
    let hash: String =
        digest(&SHA1_FOR_LEGACY_USE_ONLY, &plain).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let token = fresh_token();
    let bytes = if is_packed { pack(&plain).ok_or_else(|| invalid("tar_type"))? } else { plain };
    book.bill_files.retain(|_, file| now_ms < file.expires_at_ms);
    book.bill_files.insert(token.clone(), BillFile { bytes, expires_at_ms: now_ms + ADDRESS_LIFE_MS });
    let packed = if is_packed { "&tartype=gzip" } else { "" };
    // An escape that a careless client would write anew, so that the signature no longer fits.
    let address = format!("{}/v3/billdownload/file?token=sim%7C{token}{packed}", shared.base_url);
    Ok(ok(&json!({"hash_type": "SHA1", "hash_value": hash, "download_url": address})))
}

pub(super) fn download(shared: &Shared, call: &Call) -> Outcome {
    let token = call.query_value("token").unwrap_or_default();
    let now_ms = shared.config.clock.business_ms();
    let book = shared.pay.book();
    let found = token.strip_prefix("sim|").and_then(|token| book.bill_files.get(token));
    let found = found.filter(|file| now_ms < file.expires_at_ms);
    found.map(|found| file(found.bytes.clone())).ok_or_else(|| invalid("token"))
}

fn invalid(field: &str) -> Reply {
    refuse(400, "INVALID_REQUEST", &format!("{field} 有误"), 268_435_464)
}

fn none_there() -> Reply {
    refuse(400, "NO_STATEMENT_EXIST", "请求的账单文件不存在", 268_435_464)
}

fn bill_text(lines: &[String], settings: &Settings) -> Vec<u8> {
    let end = if settings.bill_crlf { "\r\n" } else { "\n" };
    let mut text = String::from(if settings.bill_bom { "\u{FEFF}" } else { "" });
    for line in lines {
        text.push_str(line);
        text.push_str(end);
    }
    text.into_bytes()
}

fn pack(plain: &[u8]) -> Option<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(plain).ok()?;
    packer.finish().ok()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    All,
    Success,
    Refund,
}

const BEFORE: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额";
const REFUND_TIMES: &str = "退款申请时间,退款成功时间";
const REFUND_CELLS: &str = "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态";
const TOTALS: &str = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";

fn trade_lines(book: &Book, appid: &str, layout: Layout, from: i64, to: i64) -> Option<Vec<String>> {
    let within = |at: i64| (from..to).contains(&at);
    let payments = book.payments.values().filter(|payment| layout != Layout::Refund && within(payment.at_ms));
    let refunds = book.refunds.values().filter(|refund| layout != Layout::Success && within(refund.created_ms));
    let mut rows: Vec<(i64, String)> = Vec::new();
    let (mut paid, mut returned, mut fees) = (0, 0, 0);
    for payment in payments {
        paid += payment.total;
        fees += fee(payment.total);
        rows.push((payment.at_ms, trade_row(appid, layout, payment, None)));
    }
    for refund in refunds {
        let payment = book.payments.get(&refund.transaction_id)?;
        returned += refund.amount;
        fees -= fee(refund.amount);
        rows.push((refund.created_ms, trade_row(appid, layout, payment, Some((refund, to)))));
    }
    if rows.is_empty() {
        return None;
    }
    rows.sort();
    let header = match layout {
        Layout::All => {
            format!("{BEFORE},{REFUND_CELLS},商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注")
        }
        Layout::Success => format!("{BEFORE},商品名称,商户数据包,手续费,费率,订单金额,费率备注"),
        Layout::Refund => {
            format!(
                "{BEFORE},{REFUND_TIMES},{REFUND_CELLS},商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
            )
        }
    };
    let count = rows.len();
    let (paid, returned, fees) = (yuan(paid), yuan(returned), long_yuan(fees));
    let totals = format!("`{count},`{paid},`{returned},`0.00,`{fees},`{paid},`{returned}");
    let rows = rows.into_iter().map(|(_, row)| row);
    Some(std::iter::once(header).chain(rows).chain([TOTALS.to_owned(), totals]).collect())
}

/// One row; a refund with the end of the bill's day, because a bill shows how a refund stood then.
fn trade_row(appid: &str, layout: Layout, payment: &Payment, refund: Option<(&Refund, i64)>) -> String {
    let (at, state, settled) = match refund {
        None => (payment.at_ms, "SUCCESS", payment.total),
        Some(_) if layout == Layout::Refund => (payment.at_ms, "REFUND", 0),
        Some((refund, _)) => (refund.created_ms, "REFUND", 0),
    };
    let Payment { transaction_id, out_trade_no, openid, trade_type, device, description, attach, .. } = payment;
    let mut cells: Vec<String> =
        vec![text::spaced(at), appid.to_owned(), MCHID.to_owned(), "0".to_owned(), device.clone()];
    cells.extend([transaction_id.clone(), out_trade_no.clone(), openid.clone(), (*trade_type).to_owned()]);
    cells.extend([state.to_owned(), "OTHERS".to_owned(), "CNY".to_owned(), yuan(settled), "0.00".to_owned()]);
    if layout == Layout::Refund
        && let Some((refund, _)) = refund
    {
        let ended = refund.ended.map(|(_, at)| text::spaced(at)).unwrap_or_default();
        cells.extend([text::spaced(refund.created_ms), ended]);
    }
    let (mut fee_text, mut asked) = (long_yuan(fee(payment.total)), "0.00".to_owned());
    match refund {
        None if layout == Layout::All => {
            cells.extend(["0", "0", "0.00", "0.00", "", ""].map(str::to_owned));
        }
        None => {}
        Some((refund, day_end)) => {
            let at_day_end = refund.ended.filter(|(_, at)| *at < day_end);
            let status = at_day_end.map_or("PROCESSING", |(outcome, _)| outcome.as_str());
            cells.extend([refund.refund_id.clone(), refund.out_refund_no.clone(), yuan(refund.amount)]);
            cells.extend(["0.00", "ORIGINAL", status].map(str::to_owned));
            fee_text = long_yuan(-fee(refund.amount));
            asked = yuan(refund.amount);
        }
    }
    cells.extend([description.clone(), attach.clone(), fee_text, "0.60%".to_owned(), yuan(settled)]);
    if layout != Layout::Success {
        cells.push(asked);
    }
    cells.push(String::new());
    format!("`{}", cells.join(",`"))
}

const FLOW_HEADER: &str = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号";
const FLOW_TOTALS: &str = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额";

fn fund_flow_lines(book: &Book, from: i64, to: i64) -> Option<Vec<String>> {
    let mut moves: Vec<(i64, &str, &'static str, i64)> = Vec::new();
    for payment in book.payments.values() {
        moves.push((payment.at_ms, &payment.transaction_id, "交易", payment.total));
        moves.push((payment.at_ms, &payment.transaction_id, "扣除交易手续费", -fee(payment.total)));
    }
    for refund in book.refunds.values().filter(|refund| refund.counts()) {
        moves.push((refund.created_ms, &refund.refund_id, "退款", fee(refund.amount) - refund.amount));
    }
    moves.sort_by_key(|(at, ..)| *at);
    let mut balance = 0;
    let (mut lines, mut income, mut spent) = (vec![FLOW_HEADER.to_owned()], (0, 0), (0, 0));
    for (index, (at, id, name, amount)) in moves.into_iter().enumerate().filter(|(_, (.., amount))| *amount != 0) {
        balance += amount;
        if !(from..to).contains(&at) {
            continue;
        }
        let (kind, sums) = if amount > 0 { ("收入", &mut income) } else { ("支出", &mut spent) };
        *sums = (sums.0 + 1, sums.1 + amount.abs());
        let (when, amount, balance) = (text::spaced(at), yuan(amount.abs()), yuan(balance));
        lines.push(format!(
            "`{when},`{id},`{MCHID}{index:018},`{name},`{name},`{kind},`{amount},`{balance},`system,`结算总金额 {amount} 元,`{id}"
        ));
    }
    if lines.len() == 1 {
        return None;
    }
    let count = lines.len() - 1;
    lines.push(FLOW_TOTALS.to_owned());
    lines.push(format!("`{count}.0,`{}.0,`{},`{}.0,`{}", income.0, yuan(income.1), spent.0, yuan(spent.1)));
    Some(lines)
}

/// Six in a thousand, to the nearest fen.
fn fee(fen: i64) -> i64 {
    (fen * 6 + 500) / 1000
}

fn yuan(fen: i64) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", fen.abs() / 100, fen.abs() % 100)
}

/// Fees carry five decimals.
fn long_yuan(fen: i64) -> String {
    format!("{}000", yuan(fen))
}
