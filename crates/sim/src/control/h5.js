"use strict";

const query = new URLSearchParams(location.search);
const said = document.getElementById("said");

function back() {
  const target = query.get("redirect_url");
  // Only pages: an address may also be a script.
  if (target && /^https?:\/\//.test(target)) location.href = target;
  else said.textContent = "可以关闭本页 · You may close this page";
}

document.getElementById("back").addEventListener("click", back);
document.getElementById("pay").addEventListener("click", async () => {
  const answer = await fetch("/sim/pay", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ prepay_id: query.get("prepay_id") ?? "" }),
  });
  const value = await answer.json().catch(() => ({}));
  said.textContent = answer.ok ? "支付成功 · Paid" : `没有支付：${value.error ?? answer.status} · Not paid`;
  if (answer.ok) setTimeout(back, 800);
});
