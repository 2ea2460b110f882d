# SPDX-License-Identifier: Apache-2.0
"""Runs a plan of traffic.ts with a function that makes one request, and prints a line for each answer."""
import sys
import zlib


def run(request):
    """request(method, path, headers, body) -> (status, bytes)"""
    lines = []
    with open(sys.argv[2]) as plan:
        for line in plan:
            method, path, customer, size = line.split()[:4]
            headers = {} if customer == "-" else {"X-Customer": customer}
            body = None if size == "-" else b"b" * int(size)
            status, got = request(method, path, headers, body)
            lines.append(f"{status} {len(got)} {zlib.crc32(got)}")
    print("\n".join(lines))
