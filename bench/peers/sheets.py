"""A meal's four sheets as one makes them with pandas and openpyxl: everything read, made into frames, written.

Usage: sheets.py DATABASE MEAL FILE, where DATABASE is the SQLite file of the benchmark. Prints one line of JSON.
"""

import datetime
import json
import resource
import sqlite3
import sys
import time

import pandas

ZONE = datetime.timezone(datetime.timedelta(hours=8))
SLOTS = {"breakfast": "早餐", "lunch": "午餐", "dinner": "晚餐"}
STATUSES = {"active": "有效", "locked": "已锁定", "completed": "已完成"}


def moment(millis):
    return datetime.datetime.fromtimestamp(millis // 1000, ZONE).replace(tzinfo=None)


def read(database, meal):
    # A plain service keeps the openid in clear; here what it is looked up by stands for it, which spares us the deciphering.
    connection = sqlite3.connect(database)
    head = connection.execute("SELECT meal_id, date, slot, title, description FROM meals WHERE meal_id = ?", [meal])
    rows = connection.execute(
        "SELECT o.order_id, u.nickname, HEX(u.openid_index), o.quantity, o.options, o.total_cents, o.notes, o.status, o.created_at "
        "FROM meal_orders AS o JOIN members AS u ON u.member_id = o.member_id "
        "WHERE o.meal_id = ? AND o.status IN ('active', 'locked', 'completed') ORDER BY o.order_id",
        [meal],
    )
    return head.fetchone(), rows.fetchall()


def details(rows):
    for order, nickname, openid, quantity, options, total, notes, status, created_at in rows:
        options = json.loads(options)
        for_options = sum(option["price_cents"] for option in options) * quantity
        yield {
            "订单ID": order,
            "用户昵称": nickname or "未设置",
            "用户ID": openid[-8:] if openid else "未绑定",
            "订单数量": quantity,
            "总价(元)": total / 100,
            "订单时间": moment(created_at),
            "备注": notes,
            "状态": STATUSES[status],
            "选择的选项": ", ".join(option["name"] for option in options) or "无",
            "选项总价(元)": for_options / 100,
            "基础价格(元)": (total - for_options) / 100,
        }


def options_of(rows):
    sums = {}
    for _, _, openid, quantity, options, _, _, _, _ in rows:
        for option in json.loads(options):
            own = sums.setdefault(option["name"], [0, 0, 0, set()])
            own[0] += 1
            own[1] += quantity
            own[2] += option["price_cents"] * quantity
            own[3].add(openid)
    for name, (count, portions, cents, members) in sorted(sums.items(), key=lambda item: -item[1][0]):
        yield {
            "选项名称": name,
            "选择次数": count,
            "总份数": portions,
            "总收入(元)": cents / 100,
            "平均单价(元)": round(cents / portions) / 100,
            "选择用户数": len(members),
        }


def members_of(rows):
    for _, nickname, openid, quantity, _, total, _, _, created_at in sorted(rows, key=lambda row: -row[5]):
        yield {
            "用户昵称": nickname or "未设置",
            "用户ID": openid[-8:] if openid else "未绑定",
            "订单数量": 1,
            "订餐总份数": quantity,
            "消费总额(元)": total / 100,
            "首次订单时间": moment(created_at),
            "最后订单时间": moment(created_at),
        }


def overview(head, rows):
    cents, portions = sum(row[5] for row in rows), sum(row[3] for row in rows)
    values = {
        "餐次ID": head[0],
        "日期": datetime.date.fromisoformat(head[1]),
        "时段": SLOTS[head[2]],
        "描述": head[4] or head[3],
        "总订单数": len(rows),
        "总份数": portions,
        "总收入(元)": cents / 100,
        "平均单价(元)": round(cents / len(rows)) / 100,
        "用户数量": len(rows),
        "导出时间": datetime.datetime.now(ZONE).replace(tzinfo=None),
    }
    return {"项目": list(values), "数值": list(values.values())}


def main(database, meal, file):
    started = time.monotonic()
    head, rows = read(database, int(meal))
    with pandas.ExcelWriter(file, engine="openpyxl") as writer:
        for name, data in [
            ("餐次概况", overview(head, rows)),
            ("订单详情", list(details(rows))),
            ("选项统计", list(options_of(rows))),
            ("用户统计", list(members_of(rows))),
        ]:
            pandas.DataFrame(data).to_excel(writer, sheet_name=name, index=False)
    seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kilobytes on Linux, bytes on macOS.
    peak_mb = peak / 1024 / (1024 if sys.platform == "darwin" else 1)
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb}))


main(*sys.argv[1:])
