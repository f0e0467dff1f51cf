"use strict";

const byId = (id) => document.getElementById(id);

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

async function call(method, path, body) {
  const options = { method, headers: { "content-type": "application/json" } };
  if (method !== "GET") options.body = JSON.stringify(body ?? {});
  const answer = await fetch(path, options);
  const value = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(value.error ?? `HTTP ${answer.status}`);
  return value;
}

// One place for every press: do it, say what went wrong, show what is now.
async function press(method, path, body) {
  byId("problem").textContent = "";
  try {
    await call(method, path, body);
  } catch (error) {
    byId("problem").textContent = `没有做成：${error.message} · Not done`;
  }
  await refresh();
}

function button(chinese, english, method, path, body) {
  const made = element("button", `${chinese} `);
  made.append(element("span", english, { lang: "en" }));
  made.addEventListener("click", () => press(method, path, typeof body === "function" ? body() : body));
  return made;
}

// Whole fen to yuan, without fractions on the way.
function yuan(fen) {
  const digits = String(Math.abs(fen)).padStart(3, "0");
  return `${fen < 0 ? "-" : ""}¥${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

const path = (...parts) => parts.map((part, index) => (index % 2 ? encodeURIComponent(part) : part)).join("");

function table(id, heads, rows) {
  const target = byId(id);
  const head = element("tr");
  for (const [chinese, english] of heads) {
    const cell = element("th", `${chinese} `);
    cell.append(element("small", english, { lang: "en" }));
    head.append(cell);
  }
  const body = rows.map((cells) => {
    const row = element("tr");
    for (const cell of cells) row.append(cell);
    return row;
  });
  if (rows.length === 0) {
    const row = element("tr");
    row.append(element("td", "还没有 · None yet", { colspan: heads.length, class: "dim" }));
    body.push(row);
  }
  target.replaceChildren(head, ...body);
}

const cell = (text, kind = "") => element("td", text ?? "", { class: kind });

function buttons(...made) {
  const target = element("td");
  target.append(...made);
  return target;
}

function orderRow(order) {
  const at = path("/sim/orders/", order.out_trade_no, "/");
  const actions = [];
  if (order.state === "NOTPAY") {
    actions.push(
      button("支付", "Pay", "POST", `${at}pay`),
      button("支付但丢失回调", "Pay, lose the callback", "POST", `${at}pay`, { notice: { lose: true } }),
      button("支付，回调晚到", "Pay, delay the callback", "POST", `${at}pay`, { notice: { delay_s: 60 } }),
      button("付错金额", "Wrong amount", "POST", `${at}pay`, { total: order.total + 1 }),
      button("关闭", "Close", "POST", `${at}close`),
    );
  }
  return [
    cell(order.out_trade_no, "long"), cell(order.way), cell(order.description, "long"), cell(yuan(order.total), "number"),
    cell(order.state, order.state === "PAID" ? "ok" : ""), cell(order.created), buttons(...actions),
  ];
}

function noticeRow(notice) {
  const at = path("/sim/notices/", notice.id, "/");
  const tries = notice.tries.map((one) => `${one.status ?? "×"}${one.forged ? ` (${one.forged})` : ""}`).join(" → ");
  return [
    cell(notice.id), cell(notice.event_type), cell(notice.url, "long"),
    cell(notice.state, notice.state === "arrived" ? "ok" : "bad"), cell(tries, "long"),
    buttons(button("发送", "Send", "POST", `${at}send`), button("丢失", "Lose", "POST", `${at}lose`)),
  ];
}

function refundRow(refund) {
  const at = path("/sim/refunds/", refund.out_refund_no, "/settle");
  const settle = (chinese, english, outcome) => button(chinese, english, "POST", at, { outcome });
  const open = refund.status === "PROCESSING" || refund.status === "ABNORMAL";
  const actions = open
    ? [settle("成功", "Success", "SUCCESS"), settle("异常", "Abnormal", "ABNORMAL"), settle("关闭", "Closed", "CLOSED")]
    : [];
  return [
    cell(refund.out_refund_no, "long"), cell(refund.out_trade_no, "long"), cell(yuan(refund.amount), "number"),
    cell(refund.status), cell(refund.created), buttons(...actions),
  ];
}

const askOpenid = () => ({ openid: window.prompt("openid") ?? "" });

function serviceOrderRow(order) {
  const at = path("/sim/service-orders/", order.out_order_no, "/");
  const state = order.state_description ? `${order.state}/${order.state_description}` : order.state;
  const actions = [];
  if (order.state === "CREATED") actions.push(button("确认", "Confirm", "POST", `${at}confirm`, askOpenid));
  if (state === "DOING/MCH_COMPLETE") actions.push(button("支付", "Pay", "POST", `${at}pay`), button("放弃收款", "Give up", "POST", `${at}revoke`));
  const total = order.total_amount === undefined ? "" : yuan(order.total_amount);
  return [cell(order.out_order_no, "long"), cell(state), cell(total, "number"), cell(order.openid ?? "", "long"), buttons(...actions)];
}

function personRow(person) {
  const [chinese, english] = person.allows_score ? ["解除支付分", "End pay score"] : ["开通支付分", "Allow pay score"];
  const wanted = { openid: person.openid, allowed: !person.allows_score };
  return [
    cell(person.name || person.openid, "long"), cell(person.allows_score ? "AVAILABLE" : "UNAVAILABLE", person.allows_score ? "ok" : ""),
    buttons(button(chinese, english, "POST", "/sim/people/pay-score", wanted)),
  ];
}

function permissionRow(permission) {
  const at = path("/sim/permissions/", permission.authorization_code, "/");
  const who = () => (permission.openid ? { openid: permission.openid } : askOpenid());
  const action = permission.is_available
    ? button("解除", "End", "POST", `${at}close`, who)
    : button("同意", "Allow", "POST", `${at}open`, who);
  return [
    cell(permission.authorization_code, "long"), cell(permission.openid ?? "", "long"),
    cell(permission.is_available ? "AVAILABLE" : "UNAVAILABLE"), buttons(action),
  ];
}

function settingsForm(settings) {
  const target = byId("settings");
  // A field that somebody is writing in is left alone.
  if (target.contains(document.activeElement)) return;
  target.replaceChildren(
    ...Object.entries(settings).map(([name, value]) => {
      const line = element("label", `${name} `, { style: "display:inline-block;min-width:20rem" });
      const input = element("input", undefined, typeof value === "boolean" ? { type: "checkbox" } : { size: 14 });
      if (typeof value === "boolean") input.checked = value;
      else input.value = value ?? "";
      input.addEventListener("change", () => {
        let wanted = typeof value === "boolean" ? input.checked : input.value;
        if (typeof value !== "boolean" && /^\d+$/.test(wanted)) wanted = Number(wanted);
        if (wanted === "") wanted = null;
        press("POST", "/sim/settings", { [name]: wanted });
      });
      line.append(input);
      return line;
    }),
  );
}

let shown = "";

async function refresh() {
  const [state, books, clock, faults, settings] = await Promise.all(
    ["state", "books", "clock", "faults", "settings"].map((name) => call("GET", `/sim/${name}`)),
  );
  byId("clock").textContent = `微信时间 Time ${new Date(clock.business_ms).toLocaleString()} ×${clock.speed}`;
  // Nothing new: the buttons stay where they are, under a finger or with the focus.
  const seen = JSON.stringify([state, books, faults, settings]);
  if (seen === shown) return;
  shown = seen;
  byId("books").textContent = `已收 Paid ${yuan(books.paid_total)} (${books.payments}) · 已退 Refunded ${yuan(books.refunded_total)} (${books.refunds})`;
  table("orders", [["商户订单号", "Order"], ["方式", "Way"], ["说明", "What"], ["金额", "Amount"], ["状态", "State"], ["时间", "Time"], ["操作", "Do"]], state.orders.map(orderRow));
  table("notices", [["编号", "Id"], ["事件", "Event"], ["地址", "Address"], ["状态", "State"], ["投递", "Tries"], ["操作", "Do"]], state.notices.map(noticeRow));
  table("refunds", [["退款单号", "Refund"], ["订单号", "Order"], ["金额", "Amount"], ["状态", "State"], ["时间", "Time"], ["操作", "Do"]], state.refunds.map(refundRow));
  table("people", [["用户", "Person"], ["支付分", "Pay score"], ["操作", "Do"]], state.people.map(personRow));
  table("service_orders", [["订单号", "Order"], ["状态", "State"], ["金额", "Amount"], ["用户", "Person"], ["操作", "Do"]], state.service_orders.map(serviceOrderRow));
  table("permissions", [["授权协议号", "Code"], ["用户", "Person"], ["状态", "State"], ["操作", "Do"]], state.permissions.map(permissionRow));
  byId("faults").replaceChildren(...faults.map((fault) => element("li", `${fault.kind} ${fault.path} ×${fault.times ?? "∞"}`)));
  settingsForm(settings);
}

const faultKinds = [
  "latency", "drop_before", "drop_after", "silence", "system_error", "system_error_after", "rate_limit", "bad_gateway",
  "bad_gateway_after", "unsigned_not_found", "unsigned", "stale", "tampered", "tampered_plain", "unknown_serial", "wrong_key", "probe",
];
byId("fault").append(...faultKinds.map((kind) => element("option", kind)));
byId("fault_add").addEventListener("click", () => {
  const times = Number(byId("fault_times").value) || 1;
  press("POST", "/sim/faults", { kind: byId("fault").value, path: byId("fault_path").value, times, ms: 15000 });
});
byId("fault_clear").addEventListener("click", () => press("DELETE", "/sim/faults"));
for (const made of document.querySelectorAll("[data-advance]")) {
  made.addEventListener("click", () => press("POST", "/sim/clock", { advance_s: Number(made.dataset.advance) }));
}

async function keepFresh() {
  if (!document.hidden) await refresh().catch(() => { byId("problem").textContent = "模拟器没有回应 · The simulator does not answer"; });
  setTimeout(keepFresh, 2000);
}
keepFresh();
