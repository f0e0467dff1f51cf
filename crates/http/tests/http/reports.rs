//! Reports over the API: listed, read, taken home, and by whom.

use std::collections::BTreeSet;
use std::io::Cursor;

use calamine::{Data, Reader, Xlsx, open_workbook_from_rs};
use http_api::Limits;
use kernel::{ReportKind, Role};
use serde_json::json;
use service::MakeReports;

use crate::support::{Home, Server, on_both_engines};

const REPORTS: &str = "/api/v1/admin/reports";
/// The server's clock stands at ten in the morning of the fifth, by the house's clocks.
const YESTERDAY: &str = "2026-01-04";

async fn stands(home: Home) -> Server {
    Server::start_with(home, Limits::default(), |settings| {
        settings.jobs = vec![Box::new(MakeReports { minute: 450, kinds: ReportKind::ALL.iter().copied().collect() })];
    })
    .await
}

on_both_engines! {
    by stands;
    async fn yesterday_is_read(server: Server) {
        let (admin, finance, support) =
            (server.person(Role::Admin).await, server.person(Role::Finance).await, server.person(Role::Support).await);
        let owner = finance.id;
        server
            .tamper(&format!(
                "INSERT INTO exceptions (exception_id, kind, subject, evidence, proposed, state, owner_id, due_at, created_at, updated_at, \
                 version) VALUES (1, 'paid_twice', 'R1', '{{}}', 'dismiss', 'open', {owner}, 0, 0, 0, 0)"
            ))
            .await;
        server.tamper("DELETE FROM reports").await;
        server.ask("POST /api/v1/admin/jobs/make-reports/run").by(&admin).send().await.data();

        server.ask(&format!("GET {REPORTS}")).by(&support).send().await.failed(403, "PERMISSION_DENIED");
        let listed = server.ask(&format!("GET {REPORTS}?limit=2")).by(&finance).send().await;
        assert_eq!(listed.data()["reports"].as_array().map(Vec::len), Some(2));
        let cursor = listed.data()["page_info"]["next_cursor"].as_str().expect("another page").to_owned();
        let rest = server.ask(&format!("GET {REPORTS}?cursor={cursor}")).by(&finance).send().await;
        let rows = [&listed, &rest].map(|page| page.data()["reports"].as_array().expect("rows").clone()).concat();
        let kinds: BTreeSet<_> = rows.iter().map(|row| row["kind"].as_str().expect("a kind")).collect();
        assert_eq!(kinds, BTreeSet::from(["daily", "exceptions", "health"]));
        assert!(rows.iter().all(|row| row["date"] == YESTERDAY), "{rows:?}");
        let daily = server.ask(&format!("GET {REPORTS}?kind=daily")).by(&finance).send().await;
        assert_eq!(daily.data()["reports"].as_array().map(Vec::len), Some(1));
        let nothing = json!({"meals_cents": 0, "shop_cents": 0, "cabinets_cents": 0, "topups_cents": 0});
        assert_eq!(daily.data()["reports"][0]["totals"], nothing);
        assert!(rows.iter().all(|row| row["totals"].is_object() == (row["kind"] == "daily")), "{rows:?}");

        let shown = server.ask(&format!("GET {REPORTS}/exceptions/{YESTERDAY}")).by(&finance).send().await;
        let (figures, owners) = (&shown.data()["figures"]["exceptions"], &shown.data()["owners"]);
        assert_eq!((&figures["open"], &figures["overdue"]), (&json!(1), &json!(1)));
        assert_eq!(figures["waiting"][0]["subject"], "R1");
        assert_eq!(figures["waiting"][0]["owner_id"], owners[0]["user_id"]);
        let nickname = owners[0]["nickname"].as_str().expect("a name").to_owned();
        server.ask(&format!("GET {REPORTS}/daily/2026-01-05")).by(&finance).send().await.failed(404, "NOT_FOUND");
        let unknown = server.ask(&format!("GET {REPORTS}/weekly/2026-01-04")).by(&finance).send().await;
        let details = unknown.failed(422, "VALIDATION_ERROR");
        assert_eq!(details["fields"][0]["problem"], "须为其中之一：daily, exceptions, health");

        for (kind, sheets) in [
            ("daily", &["概况", "餐次"][..]),
            ("exceptions", &["概况", "待处理", "新增", "已处理"]),
            ("health", &["概况", "任务", "告警", "计数"]),
        ] {
            let file = server.ask(&format!("GET {REPORTS}/{kind}/{YESTERDAY}/export")).by(&finance).send().await;
            let disposition = file.header("content-disposition").expect("a name");
            assert!(disposition.contains(&format!("{kind}_report_{YESTERDAY}.xlsx")), "{disposition}");
            let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(file.bytes.clone())).expect("a workbook");
            assert_eq!(book.sheet_names(), sheets, "{kind}");
            if kind == "exceptions" {
                let waiting = book.worksheet_range("待处理").expect("a sheet");
                let row: Vec<_> = waiting.rows().nth(1).expect("a row").to_vec();
                let text = |text: &str| Data::String(text.to_owned());
                assert_eq!((&row[1], &row[2], &row[5]), (&text("重复支付"), &text("R1"), &text(&nickname)));
            }
        }
        let missing = server.ask(&format!("GET {REPORTS}/daily/2026-01-05/export")).by(&finance).send().await;
        missing.failed(404, "NOT_FOUND");
    }
}
