//! Reading a bill: a header line, rows whose values carry a backtick, a second header, one line of totals. Columns go by name, because accounts of
//! different ages have them in different places.

use std::{error, fmt};

use super::money::{Fen, parse_decimal};
use crate::time::UnixTime;

/// Why a bill is not read. A bill is read whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BillProblem {
    NotText,
    TooShort,
    /// A column that we need is not there.
    NoColumn(&'static str),
    /// A line has another number of values than its header.
    Cells {
        line: usize,
    },
    /// A value is not of its form.
    Value {
        line: usize,
        column: &'static str,
    },
    /// The rows do not add up to the bill's own total of this column.
    Total(&'static str),
}

impl fmt::Display for BillProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("not UTF-8"),
            Self::TooShort => f.write_str("header or totals are missing"),
            Self::NoColumn(column) => write!(f, "no column {column}"),
            Self::Cells { line } => write!(f, "line {line} has another number of values than the header"),
            Self::Value { line, column } => write!(f, "line {line}, {column}: not of its form"),
            Self::Total(column) => write!(f, "the rows do not add up to {column}"),
        }
    }
}

impl error::Error for BillProblem {}

/// A day's payments and refunds. The rows have been added up and fit the totals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TradeBill {
    pub rows: Vec<TradeRow>,
    /// Sum of the payments' order amounts.
    pub order_total: Fen,
    /// Sum of the refunds.
    pub refund_total: Fen,
    /// In thousandths of a fen, the fifth decimal of a yuan.
    pub fee_total_millifen: i64,
}

/// One payment or one refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TradeRow {
    pub at: UnixTime,
    pub appid: String,
    pub mchid: String,
    /// WeChat's number of the payment, for a refund too.
    pub transaction_id: String,
    /// Our number; for an automatic pay score deduction one that WeChat made.
    pub out_trade_no: String,
    /// JSAPI, NATIVE, MWEB, AUTH (pay score), …
    pub trade_type: String,
    pub order_total: Fen,
    /// What a refund row adds; a payment row has none.
    pub refund: Option<RefundState>,
    pub attach: String,
    pub fee_millifen: i64,
}

/// The refund of a row, as it stood when the day ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundState {
    pub refund_id: String,
    pub out_refund_no: String,
    pub amount: Fen,
    /// SUCCESS, PROCESSING, …; never updated later: ask for the refund itself.
    pub status: String,
}

impl TradeRow {
    /// The pay score order behind an automatic deduction: WeChat's order id and our `out_order_no`.
    pub fn service_order(&self) -> Option<(&str, &str)> {
        self.attach.strip_prefix("wxzff|")?.split_once('|')
    }
}

impl TradeBill {
    /// Reads a whole bill and checks it against its own totals.
    pub fn parse(bytes: &[u8]) -> Result<Self, BillProblem> {
        let table = Table::read(bytes)?;
        let rows = table.rows().map(|row| trade_row(&row)).collect::<Result<Vec<_>, _>>()?;
        let order_total = sum("订单总金额", rows.iter().map(|row| row.order_total.0))?;
        let refunds = rows.iter().filter_map(|row| row.refund.as_ref());
        let refund_total = sum("退款总金额", refunds.map(|refund| refund.amount.0))?;
        let fee_total_millifen = sum("手续费总金额", rows.iter().map(|row| row.fee_millifen))?;

        let totals = table.totals();
        totals.expect("总交易单数", 0, i64::try_from(rows.len()).unwrap_or(i64::MAX))?;
        totals.expect_either(["订单总金额", "总交易额"], 2, order_total)?;
        totals.expect_either(["退款总金额", "总退款金额"], 2, refund_total)?;
        totals.expect("手续费总金额", 5, fee_total_millifen)?;
        Ok(Self { rows, order_total: Fen(order_total), refund_total: Fen(refund_total), fee_total_millifen })
    }
}

fn trade_row(row: &Row<'_>) -> Result<TradeRow, BillProblem> {
    let state = row.text("交易状态")?;
    let refund = if state == "REFUND" {
        Some(RefundState {
            refund_id: row.text("微信退款单号")?.to_owned(),
            out_refund_no: row.text("商户退款单号")?.to_owned(),
            amount: row.fen("退款金额")?,
            status: row.text("退款状态")?.to_owned(),
        })
    } else {
        None
    };
    let at = row.text("交易时间")?;
    Ok(TradeRow {
        at: UnixTime::parse_bill(at).ok_or_else(|| row.problem("交易时间"))?,
        appid: row.text("公众账号ID")?.to_owned(),
        mchid: row.text("商户号")?.to_owned(),
        transaction_id: row.text("微信订单号")?.to_owned(),
        out_trade_no: row.text("商户订单号")?.to_owned(),
        trade_type: row.text("交易类型")?.to_owned(),
        order_total: row.either_fen(["订单金额", "总金额"])?,
        refund,
        attach: row.text("商户数据包")?.to_owned(),
        fee_millifen: row.decimal("手续费", 5)?,
    })
}

/// A day's movements of the merchant's own account, in order. Each balance has been checked against the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FundFlow {
    pub rows: Vec<FundFlowRow>,
}

/// One movement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FundFlowRow {
    pub at: UnixTime,
    /// WeChat's number of the payment or refund behind it.
    pub business_id: String,
    pub flow_id: String,
    pub business: String,
    /// Positive for income.
    pub amount: Fen,
    pub balance: Fen,
    pub note: String,
}

impl FundFlow {
    /// Reads a whole bill and checks it against its own totals.
    pub fn parse(bytes: &[u8]) -> Result<Self, BillProblem> {
        let table = Table::read(bytes)?;
        let rows = table.rows().map(|row| fund_flow_row(&row)).collect::<Result<Vec<_>, _>>()?;
        for pair in rows.windows(2) {
            if pair[0].balance.checked_add(pair[1].amount) != Some(pair[1].balance) {
                return Err(BillProblem::Total("账户结余(元)"));
            }
        }
        let (income, spent): (Vec<i64>, Vec<i64>) =
            rows.iter().map(|row| row.amount.0).partition(|amount| *amount >= 0);
        let count = |rows: &[i64]| i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let totals = table.totals();
        totals.expect("资金流水总笔数", 0, i64::try_from(rows.len()).unwrap_or(i64::MAX))?;
        totals.expect("收入笔数", 0, count(&income))?;
        totals.expect("支出笔数", 0, count(&spent))?;
        totals.expect("收入金额", 2, sum("收入金额", income.into_iter())?)?;
        let spent = sum("支出金额", spent.into_iter())?;
        totals.expect("支出金额", 2, spent.checked_neg().ok_or(BillProblem::Total("支出金额"))?)?;
        Ok(Self { rows })
    }
}

fn fund_flow_row(row: &Row<'_>) -> Result<FundFlowRow, BillProblem> {
    let amount = row.fen("收支金额(元)")?;
    let amount = match row.text("收支类型")? {
        "收入" => amount,
        "支出" => Fen(-amount.0),
        _ => return Err(row.problem("收支类型")),
    };
    let at = row.text("记账时间")?;
    Ok(FundFlowRow {
        at: UnixTime::parse_bill(at).ok_or_else(|| row.problem("记账时间"))?,
        business_id: row.text("微信支付业务单号")?.to_owned(),
        flow_id: row.text("资金流水单号")?.to_owned(),
        business: row.text("业务名称")?.to_owned(),
        amount,
        balance: row.fen("账户结余(元)")?,
        note: row.text("备注")?.to_owned(),
    })
}

/// The lines of a bill, cut into values.
struct Table<'a> {
    header: Vec<&'a str>,
    lines: Vec<(usize, Vec<&'a str>)>,
    totals_header: Vec<&'a str>,
    totals: (usize, Vec<&'a str>),
}

impl<'a> Table<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, BillProblem> {
        let text = std::str::from_utf8(bytes).map_err(|_| BillProblem::NotText)?;
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let mut lines: Vec<(usize, &str)> = text
            .split('\n')
            .map(|line| line.strip_suffix('\r').unwrap_or(line))
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.is_empty())
            .collect();
        let (Some((totals_line, totals)), Some((_, totals_header))) = (lines.pop(), lines.pop()) else {
            return Err(BillProblem::TooShort);
        };
        let Some(((_, header), rows)) = lines.split_first() else {
            return Err(BillProblem::TooShort);
        };
        let table = Self {
            header: header.split(',').collect(),
            lines: rows.iter().map(|(line, text)| (*line, cells(text))).collect(),
            totals_header: totals_header.split(',').collect(),
            totals: (totals_line, cells(totals)),
        };
        let odd = table.lines.iter().find(|(_, cells)| cells.len() != table.header.len()).map(|(line, _)| *line);
        let odd_totals = (table.totals.1.len() != table.totals_header.len()).then_some(totals_line);
        match odd.or(odd_totals) {
            Some(line) => Err(BillProblem::Cells { line }),
            None => Ok(table),
        }
    }

    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.lines.iter().map(|(line, cells)| Row { line: *line, header: &self.header, cells })
    }

    fn totals(&self) -> Row<'_> {
        Row { line: self.totals.0, header: &self.totals_header, cells: &self.totals.1 }
    }
}

/// Values may hold commas; a comma with a backtick behind it is the border.
fn cells(line: &str) -> Vec<&str> {
    line.strip_prefix('`').unwrap_or(line).split(",`").collect()
}

struct Row<'a> {
    line: usize,
    header: &'a [&'a str],
    cells: &'a [&'a str],
}

impl<'a> Row<'a> {
    fn find(&self, column: &str) -> Option<&'a str> {
        let index = self.header.iter().position(|name| *name == column)?;
        self.cells.get(index).copied()
    }

    fn text(&self, column: &'static str) -> Result<&'a str, BillProblem> {
        self.find(column).ok_or(BillProblem::NoColumn(column))
    }

    fn decimal(&self, column: &'static str, places: usize) -> Result<i64, BillProblem> {
        parse_decimal(self.text(column)?, places).ok_or_else(|| self.problem(column))
    }

    fn fen(&self, column: &'static str) -> Result<Fen, BillProblem> {
        self.decimal(column, 2).map(Fen)
    }

    /// The first of two names for the same column that is there.
    fn either_fen(&self, columns: [&'static str; 2]) -> Result<Fen, BillProblem> {
        let [newer, older] = columns;
        self.fen(if self.find(newer).is_some() { newer } else { older })
    }

    fn expect(&self, column: &'static str, places: usize, expected: i64) -> Result<(), BillProblem> {
        if self.decimal(column, places)? == expected { Ok(()) } else { Err(BillProblem::Total(column)) }
    }

    fn expect_either(&self, columns: [&'static str; 2], places: usize, expected: i64) -> Result<(), BillProblem> {
        let [newer, older] = columns;
        self.expect(if self.find(newer).is_some() { newer } else { older }, places, expected)
    }

    fn problem(&self, column: &'static str) -> BillProblem {
        BillProblem::Value { line: self.line, column }
    }
}

fn sum(column: &'static str, mut amounts: impl Iterator<Item = i64>) -> Result<i64, BillProblem> {
    amounts.try_fold(0i64, |sum, amount| sum.checked_add(amount)).ok_or(BillProblem::Total(column))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::{BillProblem, FundFlow, TradeBill};
    use crate::pay::Fen;

    fn bill(index: usize) -> String {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors.json")).expect("vectors are JSON");
        let text = vectors["bills"][index]["raw_base64"].as_str().expect("a text").to_owned();
        String::from_utf8(STANDARD.decode(text).expect("base64")).expect("UTF-8")
    }

    #[test]
    fn a_trade_bill_with_a_payment_a_deduction_and_a_refund() {
        let bill = TradeBill::parse(bill(0).as_bytes()).expect("reads");
        assert_eq!((bill.order_total, bill.refund_total, bill.fee_total_millifen), (Fen(1600), Fen(300), 8000));
        assert_eq!(bill.rows[0].order_total, Fen(1000));
        assert_eq!(bill.rows[0].at.to_rfc3339(), "2025-12-31T12:00:05+08:00");
        assert_eq!(bill.rows[1].service_order(), Some(("15646546545165651651", "CAB20251231000001")));
        let refund = bill.rows[2].refund.as_ref().expect("a refund");
        assert_eq!((refund.amount, refund.status.as_str()), (Fen(300), "PROCESSING"));
        assert_eq!(refund.out_refund_no, "RF202512310001");
        assert_eq!(bill.rows[0].service_order(), None);
    }

    #[test]
    fn line_ends_marks_and_commas_do_not_matter() {
        let text = bill(0);
        let plain = TradeBill::parse(text.as_bytes()).expect("reads");
        let other = format!("\u{FEFF}{}", text.replace("\r\n", "\n"));
        assert_eq!(TradeBill::parse(other.as_bytes()).expect("reads"), plain);
        let commas = text.replacen("uid=42", r#"{"uid":42,"x":1}"#, 1);
        assert_eq!(TradeBill::parse(commas.as_bytes()).expect("reads").rows[0].attach, r#"{"uid":42,"x":1}"#);
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        let text = bill(0);
        for (from, to, problem) in [
            ("`3,`16.00", "`4,`16.00", BillProblem::Total("总交易单数")),
            ("`16.00,`3.00\r\n", "`16.01,`3.00\r\n", BillProblem::Total("订单总金额")),
            ("`0.06000,`0.60%", "`0.06001,`0.60%", BillProblem::Total("手续费总金额")),
            ("`0.06000,`0.60%", "`0.06000,0.60%", BillProblem::Cells { line: 2 }),
            ("2025-12-31 12:02:30", "yesterday", BillProblem::Value { line: 3, column: "交易时间" }),
            ("交易类型", "type", BillProblem::NoColumn("交易类型")),
        ] {
            assert!(text.contains(from), "{from}");
            assert_eq!(TradeBill::parse(text.replacen(from, to, 1).as_bytes()), Err(problem));
        }
        for short in ["", "\n", "a,b", "a\nb"] {
            assert_eq!(TradeBill::parse(short.as_bytes()), Err(BillProblem::TooShort));
        }
        assert_eq!(TradeBill::parse(b"\xFF"), Err(BillProblem::NotText));
    }

    #[test]
    fn the_fund_flow_chains() {
        let text = bill(1);
        let flow = FundFlow::parse(text.as_bytes()).expect("reads");
        assert_eq!((flow.rows[1].amount, flow.rows[1].balance), (Fen(-6), Fen(994)));
        let broken = text.replacen("`9.94", "`9.95", 1);
        assert_eq!(FundFlow::parse(broken.as_bytes()), Err(BillProblem::Total("账户结余(元)")));
    }
}
