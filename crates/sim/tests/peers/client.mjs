// wechatpay-axios-plugin against the simulator and our fixtures: client.mjs BASE KEYS_FOLDER VECTORS

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const { Aes, Formatter, Rsa, Wechatpay } = createRequire(import.meta.url)("wechatpay-axios-plugin");

const [base, keys, fixtures] = process.argv.slice(2);
const read = (name) => readFileSync(`${keys}/${name}`, "ascii");
const mchid = "0900000001";
const appid = "wxsim0000000000001";
const service_id = `${"0".repeat(31)}1`;
const apiv3Key = "sim-apiv3-key-works-on-loopback.";
const modes = {
  public_key: ["PUB_KEY_ID_0109000000012026010100000000000001", read("public_mode.pub.pem")],
  certificate: ["51A0000000000000000000000000000000000A01", read("platform_1.cert.pem")],
};

async function act(path, body) {
  const answer = await fetch(base + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  assert.equal(answer.status, 200, path);
  return answer.json();
}

const arrived = [];
const server = createServer(async (request, response) => {
  let body = "";
  for await (const piece of request.setEncoding("utf8")) body += piece;
  arrived.push({ headers: request.headers, body });
  server.emit("arrived");
  response.writeHead(204).end();
});
await once(server.listen(0, "127.0.0.1"), "listening");
const notify_url = `http://127.0.0.1:${server.address().port}/notify`;

async function refused(call, status) {
  const error = await call.then(() => assert.fail("not refused"), (error) => error);
  assert.equal(error.response?.status, status, error.message);
  return error.response.data;
}

for (const [mode, [serial, key]] of Object.entries(modes)) {
  await act("/sim/settings", { notify_with: mode, lose_notifications: false });
  const pay = new Wechatpay({
    mchid,
    serial: "51A0000000000000000000000000000000000001",
    privateKey: read("merchant.key.pem"),
    certs: { [serial]: key },
    baseURL: base,
    headers: mode === "public_key" ? { "Wechatpay-Serial": serial } : {},
  });
  const out_trade_no = `PEER|JS*${mode}`.slice(0, 32);
  const order = { mchid, appid, description: "食堂充值", out_trade_no, notify_url, amount: { total: 1000, currency: "CNY" } };
  const made = await pay.v3.pay.transactions.native.post(order);
  assert.match(made.data.code_url, /^weixin:/);
  await refused(pay.v3.pay.transactions.native.post({ ...order, description: "x" }), 400);
  const query = () => pay.v3.pay.transactions.outTradeNo.$out_trade_no$.get({ params: { mchid }, out_trade_no });
  assert.equal((await query()).data.trade_state, "NOTPAY");

  const news = once(server, "arrived");
  await act(`/sim/orders/${encodeURIComponent(out_trade_no)}/pay`, {});
  await news;
  const { headers, body } = arrived.at(-1);
  assert.equal(headers["wechatpay-serial"], serial);
  const text = Formatter.response(headers["wechatpay-timestamp"], headers["wechatpay-nonce"], body);
  assert.ok(Rsa.verify(text, headers["wechatpay-signature"], key));
  const { resource } = JSON.parse(body);
  const plain = JSON.parse(Aes.AesGcm.decrypt(resource.ciphertext, apiv3Key, resource.nonce, resource.associated_data));
  assert.deepEqual([plain.out_trade_no, plain.amount.total], [out_trade_no, 1000]);
  assert.equal((await query()).data.trade_state, "SUCCESS");

  const close = () => pay.v3.pay.transactions.outTradeNo.$out_trade_no$.close.post({ mchid }, { out_trade_no });
  assert.equal((await refused(close(), 400)).code, "ORDER_PAID");

  for (const kind of ["tampered", "stale", "wrong_key", "unknown_serial", "probe"]) {
    await act("/sim/faults", { kind, times: 1 });
    await query().then(() => assert.fail(`${kind} was taken`), (error) => assert.match(String(error.code), /^EV3_RES_/, kind));
  }

  const authorization_code = `JS_${mode}`;
  const openid = `oPEER_${mode}`;
  await pay.v3.payscore.permissions.post({ service_id, appid, authorization_code, notify_url });
  await act(`/sim/permissions/${authorization_code}/open`, { openid });
  const out_order_no = `CAB_JS_${mode}`;
  const begun = await pay.v3.payscore.serviceorder.post({
    out_order_no, appid, service_id, service_introduction: "智能柜购物", time_range: { start_time: "OnAccept" },
    risk_fund: { name: "ESTIMATE_ORDER_COST", amount: 5000 }, notify_url, openid, need_user_confirm: false,
  });
  assert.deepEqual([begun.data.state, begun.data.state_description], ["DOING", "USER_CONFIRM"]);
  const cancelled = await pay.v3.payscore.serviceorder.$out_order_no$.cancel.post(
    { appid, service_id, reason: "用户未取商品" }, { out_order_no });
  assert.equal(cancelled.data.out_order_no, out_order_no);
}

// What our own tests take for notifications, by their eyes.
const vectors = JSON.parse(readFileSync(fixtures, "utf8"));
const serials = {
  [vectors.keys.platform_serial_no]: vectors.keys.platform_certificate,
  [vectors.keys.wechatpay_public_key_id]: vectors.keys.wechatpay_public_key_spki,
};
for (const { name, headers, body, now, expect, plaintext } of vectors.notify) {
  const [timestamp, nonce, signature, serial] = ["Timestamp", "Nonce", "Signature", "Serial"].map((part) => headers[`Wechatpay-${part}`]);
  const key = serials[serial];
  const isFresh = Math.abs(now - Number(timestamp)) < 300;
  const isTheirs = Boolean(key && signature) && Rsa.verify(Formatter.response(timestamp, nonce, body), signature, key);
  assert.equal(isFresh && isTheirs, expect === "accept", name);
  if (expect === "accept") {
    const { resource } = JSON.parse(body);
    const opened = Aes.AesGcm.decrypt(resource.ciphertext, vectors.keys.apiv3_key, resource.nonce, resource.associated_data);
    assert.deepEqual(JSON.parse(opened), JSON.parse(plaintext), name);
  }
}

server.close();
server.closeAllConnections();
console.log("wechatpay-axios-plugin: everything as it should be");
