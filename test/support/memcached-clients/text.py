# SPDX-License-Identifier: Apache-2.0
"""pymemcache (text): each command with an allowed and a denied key. Prints one JSON object: what became of each.
Usage: python3 text.py PORT"""
import json
import sys

from pymemcache.client.base import Client
from pymemcache.exceptions import MemcacheError

client = Client(("127.0.0.1", int(sys.argv[1])), default_noreply=False, timeout=20, connect_timeout=20)


def gets_and_cas(key):
    _, token = client.gets(key)
    return client.cas(key, b"7", token or b"1")


def quietly(key):
    client.set(key, b"9", noreply=True)
    return client.get("ok.text")


COMMANDS = {
    "set": lambda key: client.set(key, b"1"),
    "get": lambda key: client.get(key),
    "get many": lambda key: len(client.get_many([key, "ok.text"])),
    "set many": lambda key: client.set_many({key: b"1", "ok.text": b"1"}) == [],
    "add": lambda key: client.add(key + ".new", b"1"),
    "replace": lambda key: client.replace(key, b"2"),
    "append": lambda key: client.append(key, b"0"),
    "prepend": lambda key: client.prepend(key, b"1"),
    "gets, cas": gets_and_cas,
    "incr": lambda key: client.incr(key, 5),
    "decr": lambda key: client.decr(key, 1),
    "touch": lambda key: client.touch(key, 100),
    "set noreply": quietly,
    "delete": lambda key: client.delete(key),
}


def outcome(command, *key):
    try:
        value = command(*key)
        return value.decode() if isinstance(value, bytes) else str(value)
    except MemcacheError as error:
        return "error " + (error.args[0].decode() if isinstance(error.args[0], bytes) else str(error))


results = {name: [outcome(run, key) for key in ("ok.text", "no.text")] for name, run in COMMANDS.items()}
results["flush_all"] = [outcome(client.flush_all)]
results["stats"] = [outcome(client.stats)]
results["version"] = [outcome(lambda: client.version() != b"")]
client.quit()
print(json.dumps(results))
