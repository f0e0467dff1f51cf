"""wechatpayv3 against the simulator and our fixtures: client.py BASE KEYS_FOLDER VECTORS"""

import gzip
import hashlib
import http.server
import json
import queue
import sys
import threading
import urllib.request

from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3 import core

BASE, KEYS, VECTORS = sys.argv[1:4]
MCHID, APPID = "0900000001", "wxsim0000000000001"
arrived = queue.Queue()


def read(name):
    with open(f"{KEYS}/{name}", encoding="ascii") as file:
        return file.read()


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        arrived.put((dict(self.headers), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def client(notify_url, **mode):
    return WeChatPay(
        wechatpay_type=WeChatPayType.NATIVE, mchid=MCHID, private_key=read("merchant.key.pem"),
        cert_serial_no="51A0000000000000000000000000000000000001", apiv3_key="sim-apiv3-key-works-on-loopback.",
        appid=APPID, notify_url=notify_url, timeout=(5, 10), **mode)


def act(path, body, method="POST"):
    request = urllib.request.Request(
        BASE + path, data=json.dumps(body).encode(), headers={"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def expect(what, answer, status):
    code, message = answer
    assert code == status, f"{what}: {code} {message}"
    return json.loads(message) if message else None


def check(name, pay, notify_with):
    act("/sim/settings", {"notify_with": notify_with, "refund_after_s": 0, "bills_at_once": True})
    number = f"PEER_PY_{name}"
    amount = {"total": 1000}
    made = expect("prepay", pay.pay(description="食堂充值", out_trade_no=number, amount=amount), 200)
    assert made["code_url"].startswith("weixin://")
    expect("the same again", pay.pay(description="食堂充值", out_trade_no=number, amount=amount), 200)
    expect("another amount", pay.pay(description="食堂充值", out_trade_no=number, amount={"total": 1}), 400)
    assert expect("query", pay.query(out_trade_no=number), 200)["trade_state"] == "NOTPAY"
    expect("unknown", pay.query(out_trade_no="NEVER_MADE"), 404)

    act(f"/sim/orders/{number}/pay", {})
    result = pay.callback(*arrived.get(timeout=20))
    assert result and result["event_type"] == "TRANSACTION.SUCCESS", result
    assert result["resource"]["out_trade_no"] == number
    act("/sim/settings", {"lose_notifications": True})
    paid = expect("query", pay.query(out_trade_no=number), 200)
    assert paid["trade_state"] == "SUCCESS" and paid["amount"]["total"] == 1000
    expect("close a paid one", pay.close(out_trade_no=number), 400)

    refund = {"refund": 300, "total": 1000, "currency": "CNY"}
    expect("refund", pay.refund(out_refund_no=f"R_{name}", amount=refund, out_trade_no=number), 200)
    assert expect("query refund", pay.query_refund(f"R_{name}"), 200)["out_refund_no"] == f"R_{name}"
    act("/sim/settings", {"lose_notifications": False})

    expect("make one to close", pay.pay(description="x", out_trade_no=f"CLOSE_PY_{name}", amount=amount), 200)
    expect("close", pay.close(out_trade_no=f"CLOSE_PY_{name}"), 204)

    day = paid["success_time"][:10]
    bill = expect("bill", pay.trade_bill(bill_date=day), 200)
    code, packed = pay.download_bill(bill["download_url"])
    assert code == 200, packed
    text = gzip.decompress(packed)
    assert bill["hash_value"] == hashlib.sha1(text).hexdigest()
    assert number.encode() in text

    act("/sim/faults", {"kind": "tampered", "times": 1})
    try:
        taken = pay.query(out_trade_no=number)
    except Exception as error:
        assert "verify" in str(error), error
    else:
        raise AssertionError(f"a tampered answer was taken: {taken}")


def check_fixtures():
    """What our own tests take for notifications, by its eyes: those under the public key, for others it would ask WeChat."""
    with open(VECTORS, encoding="utf-8") as file:
        vectors = json.load(file)
    keys = vectors["keys"]
    pay = WeChatPay(
        wechatpay_type=WeChatPayType.NATIVE, mchid=keys["mchid"], private_key=keys["merchant_private_key_pkcs8"],
        cert_serial_no=keys["merchant_serial_no"], apiv3_key=keys["apiv3_key"], appid=keys["appid"], notify_url=BASE,
        public_key=keys["wechatpay_public_key_spki"], public_key_id=keys["wechatpay_public_key_id"])
    ours = [one for one in vectors["notify"] if one["headers"].get("Wechatpay-Serial") == keys["wechatpay_public_key_id"]]
    assert len(ours) >= 4
    for one in ours:
        result = pay.callback(one["headers"], one["body"])
        assert result and result["resource"] == json.loads(one["plaintext"]), f'{one["name"]}: {result}'
        assert not pay.callback(one["headers"], one["body"] + " "), one["name"]


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
notify_url = f"http://127.0.0.1:{server.server_port}/notify"

public = client(notify_url, public_key=read("public_mode.pub.pem"), public_key_id="PUB_KEY_ID_0109000000012026010100000000000001")
public._core._gate_way = BASE
check("public_key", public, "public_key")

# In certificate mode the library already calls WeChat while it is being made.
core.Core._gate_way = property(lambda self: BASE, lambda self, value: None)
check("certificate", client(notify_url), "certificate")
check_fixtures()
print("wechatpayv3: everything as it should be")
