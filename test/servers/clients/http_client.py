# SPDX-License-Identifier: Apache-2.0
"""Usage: http_client.py URL PLAN"""
import http.client
import sys

from plan import run

connection = http.client.HTTPConnection(sys.argv[1].removeprefix("http://"))


def request(method, path, headers, body):
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


run(request)
