# SPDX-License-Identifier: Apache-2.0
"""The service of traffic.ts with Python's http.server, as one writes it. Usage: http_server.py PORT [VERSION]"""
import http.server
import sys


def text(size):
    return (b"0123456789" * (size // 10 + 1))[:size]


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, body, send=True):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if send:
            self.wfile.write(body)

    def do_GET(self):
        self.answer(text(int(self.path.rsplit("/", 1)[1])))

    def do_HEAD(self):
        self.answer(text(int(self.path.rsplit("/", 1)[1])), send=False)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(b"ordered %d\n" % len(body))

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


if len(sys.argv) > 2:
    Handler.protocol_version = sys.argv[2]
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
