"""What a merchant has on the desk: the simulator's keys, its control API, a place for notifications."""

import json
import queue
import re
import threading
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# Seconds to wait for anything that the simulator does by itself.
PATIENCE = 20


class Merchant:
    """The credentials that `shouyin simulator --out DIR` wrote to DIR."""

    def __init__(self, folder):
        self.folder = Path(folder)
        for name, value in json.loads(self.text("merchant.json")).items():
            setattr(self, name, value)

    def text(self, name):
        return (self.folder / name).read_text(encoding="utf-8")


class Control:
    """The simulator's own API: what buyers do, and what goes wrong."""

    def __init__(self, url):
        self.url = url.rstrip("/")

    def post(self, path, body, method="POST"):
        """Returns the status and the parsed answer; errors of HTTP are answers, too."""
        request = urllib.request.Request(
            self.url + path,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, parsed(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, parsed(error.read())

    def must(self, path, body, method="POST"):
        status, answer = self.post(path, body, method)
        if status >= 300:
            raise RuntimeError(f"{method} {path} was answered with {status}: {answer}")
        return answer


class StayHere(urllib.request.HTTPRedirectHandler):
    """A browser that shows where it is sent, and does not go there."""

    def redirect_request(self, *_):
        return None


def page_openid(merchant):
    """The openid of the default buyer in the official account: a page sends the browser to WeChat, and exchanges what it comes back with."""
    account = merchant.official_account
    query = urllib.parse.urlencode({
        "appid": account["appid"], "redirect_uri": "https://shop.example.com/table/7", "response_type": "code", "scope": "snsapi_base"})
    try:
        urllib.request.build_opener(StayHere).open(f"{merchant.api_base_url}/connect/oauth2/authorize?{query}", timeout=PATIENCE)
        raise RuntimeError("the browser is not sent back to the page")
    except urllib.error.HTTPError as redirect:
        with redirect:
            back = urllib.parse.urlsplit(redirect.headers["Location"])
    code = urllib.parse.parse_qs(back.query)["code"][0]
    query = urllib.parse.urlencode({
        "appid": account["appid"], "secret": account["app_secret"], "code": code, "grant_type": "authorization_code"})
    with urllib.request.urlopen(f"{merchant.api_base_url}/sns/oauth2/access_token?{query}", timeout=PATIENCE) as answer:
        return parsed(answer.read())["openid"]


def parsed(body):
    return json.loads(body) if body else None


# How a merchant's server answers a notification, by protocol and by whether it was accepted: status, type, body.
# The words of acceptance in the older protocol are those of its documentation, "payment notification".
XML_ANSWER = "<xml><return_code><![CDATA[{}]]></return_code><return_msg><![CDATA[{}]]></return_msg></xml>"
ANSWERS = {
    "v3": {True: (204, None, b""), False: (401, "application/json", b'{"code":"FAIL","message":"refused"}')},
    "v2": {True: (200, "text/xml", XML_ANSWER.format("SUCCESS", "OK").encode()),
           False: (200, "text/xml", XML_ANSWER.format("FAIL", "refused").encode())},
}


# What stays the same when a notification is sent again: APIv3's id; the transaction, or what is encrypted, in the older protocol.
SAME_WHEN_REPEATED = re.compile(rb'"id":"([^"]+)"|<transaction_id>(.+?)</transaction_id>|<req_info>(.+?)</req_info>')


class Receiver:
    """A small server for notifications. `judge` gets headers and body and says whether it accepts them."""

    def __init__(self, judge, protocol="v3"):
        arrived, self.accepted = queue.Queue(), set()
        self.arrived = arrived

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # the name that http.server asks for
                body = self.rfile.read(int(self.headers["Content-Length"]))
                accepted = bool(judge(self.headers, body))
                arrived.put((self.headers, body, accepted))
                status, kind, answer = ANSWERS[protocol][accepted]
                self.send_response(status)
                if answer:
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format, *args):
                """Nothing: every notification is a check of its own."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/wechat/notify"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self):
        """The next notification: headers, raw body, and whether it was accepted. Raises queue.Empty.

        One that was accepted may come again, when the answer was late for WeChat: it is passed over.
        """
        while True:
            headers, body, accepted = self.arrived.get(timeout=PATIENCE)
            found = SAME_WHEN_REPEATED.search(body)
            name = found and found.group()
            if not accepted or name not in self.accepted:
                break
        if accepted:
            self.accepted.add(name)
        return headers, body, accepted

    def close(self):
        self.server.shutdown()
        self.server.server_close()
