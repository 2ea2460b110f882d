# SPDX-License-Identifier: Apache-2.0
"""Usage: requests_client.py URL PLAN"""
import sys

import requests

from plan import run

session = requests.Session()


def request(method, path, headers, body):
    answer = session.request(method, sys.argv[1] + path, headers=headers, data=body)
    return answer.status_code, answer.content


run(request)
