# SPDX-License-Identifier: Apache-2.0
"""libmemcached by pylibmc: each command with an allowed and a denied key. Prints one JSON object: what became of each.
Usage: python3 libmemcached.py PORT text|binary"""
import json
import sys

import pylibmc

client = pylibmc.Client(
    ["127.0.0.1:" + sys.argv[1]],
    binary=sys.argv[2] == "binary",
    behaviors={"cas": True, "receive_timeout": 20_000_000, "send_timeout": 20_000_000, "connect_timeout": 20_000},
)


def gets_and_cas(key):
    _, token = client.gets(key)
    return client.cas(key, "7", token or 1)


COMMANDS = {
    "set": lambda key: client.set(key, 1),
    "get": lambda key: client.get(key),
    "get many": lambda key: len(client.get_multi([key, "ok.lib"])),
    "set many": lambda key: client.set_multi({key: 1, "ok.lib": 1}) == [],
    "add": lambda key: client.add(key + ".new", "1"),
    "replace": lambda key: client.replace(key, "2"),
    "append": lambda key: client.append(key, "0"),
    "prepend": lambda key: client.prepend(key, "1"),
    "gets, cas": gets_and_cas,
    "set again": lambda key: client.set(key, 120),
    "incr": lambda key: client.incr(key, 5),
    "decr": lambda key: client.decr(key, 1),
    "touch": lambda key: client.touch(key, 100),
    "delete": lambda key: client.delete(key),
}


def outcome(command, *key):
    try:
        return str(command(*key))
    except pylibmc.Error as error:
        return "error " + type(error).__name__


results = {name: [outcome(run, key) for key in ("ok.lib", "no.lib")] for name, run in COMMANDS.items()}
results["flush_all"] = [outcome(client.flush_all)]
results["stats"] = [outcome(lambda: len(client.get_stats()[0][1]) > 10)]
client.disconnect_all()
print(json.dumps(results))
