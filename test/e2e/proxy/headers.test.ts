// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test } from "@jest/globals";
import type { Log } from "../../../core/log.js";
import { silentLog } from "../../../core/log.js";
import { parsePolicies, PolicyStore, RESERVED } from "../../../l7policy/index.js";
import { client, closeClients, RecordingService, startSidecar } from "../../support/peers.js";

const undo: (() => Promise<void>)[] = [];

afterEach(async () => {
  closeClients();
  for (const action of undo.splice(0).reverse()) await action();
});

/** A service behind HTTP rules (YAML) that answers every request; what the sidecar logs as a warning is kept. */
async function behind(http: string) {
  const service = await RecordingService.start((peer) =>
    peer.socket.on("data", () => {
      if (peer.text.endsWith("\r\n\r\n") || peer.text.endsWith("body"))
        peer.socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }),
  );
  undo.push(() => service.stop());
  const store = new PolicyStore();
  const identity = store.identities.identityOf({ app: "service" });
  const parsed = parsePolicies(
    "test.yaml",
    `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: test }
spec:
  endpointSelector: {}
  ingress: [{ toPorts: [{ ports: [{ port: "1", endPort: 65535, protocol: TCP }], rules: { http: ${http.replaceAll("\n", "")} } }] }]`,
  );
  if (!parsed.ok) throw parsed.errors[0] as Error;
  const lines: object[] = [];
  const log: Log = { ...silentLog, warn: (fields, message) => void lines.push({ ...fields, message }) };
  const { sidecar, port } = await startSidecar({
    service: service.port,
    policy: store.resolve(parsed.policies),
    log,
    identify: () => ({
      client: RESERVED.world,
      clientIsEndpoint: false,
      service: identity,
      serviceIsEndpoint: true,
      address: "127.0.0.1",
      port: service.port,
    }),
  });
  undo.push(() => sidecar.close());
  const ask = async (head: string): Promise<string> => {
    const before = service.text.length;
    const peer = await client(port);
    peer.socket.write(head);
    await peer.expectText("\r\n\r\n");
    return peer.text.startsWith("HTTP/1.1 200") ? service.text.slice(before) : peer.text.slice(9, 12);
  };
  return { ask, lines };
}

const RULES = `[
  { path: "/.*" },
  { path: /replace, headerMatches: [{ name: Token, value: s3cret, mismatch: REPLACE }] },
  { path: /add, headerMatches: [{ name: Team, value: a, mismatch: ADD }] },
  { path: /delete, headerMatches: [{ name: User-Agent, value: CuRL, mismatch: DELETE }] },
  { path: /log, headerMatches: [{ name: Team, value: a, mismatch: LOG }] },
  { path: /both, headerMatches: [{ name: A, value: "1", mismatch: ADD }, { name: B, value: "2", mismatch: REPLACE }] },
  { path: "/twi.*", headerMatches: [{ name: D, value: "4", mismatch: ADD }] },
  { path: "/tw.*", headerMatches: [{ name: d, value: "4", mismatch: ADD }] },
  { path: "/bo.*", headerMatches: [{ name: C, value: "3", mismatch: ADD }] },
]`;

test.each([
  ["a wrong value is replaced", "/replace", "Token: wrong\r\nX: 1\r\n", "X: 1\r\nToken: s3cret\r\n"],
  ["several are", "/replace", "token: a\r\nTOKEN: b\r\n", "Token: s3cret\r\n"],
  ["a missing one is set", "/replace", "", "Token: s3cret\r\n"],
  ["the right one stays as it is", "/replace", "tOKEN: s3cret\r\n", "tOKEN: s3cret\r\n"],
  ["another header of a longer name stays", "/replace", "Token-X: a\r\n", "Token-X: a\r\nToken: s3cret\r\n"],
  ["one is added beside others", "/add", "Team: b\r\n", "Team: b\r\nTeam: a\r\n"],
  ["one is not added twice", "/add", "Team: b\r\nteam: a\r\n", "Team: b\r\nteam: a\r\n"],
  ["wrong ones are taken out", "/delete", "User-Agent: test\r\nA: b\r\n", "A: b\r\n"],
  ["none is taken out where there is none", "/delete", "A: b\r\n", "A: b\r\n"],
  ["nothing is changed for the log", "/log", "Team: b\r\n", "Team: b\r\n"],
  ["all rules that fit act", "/both", "B: x\r\n", "A: 1\r\nB: 2\r\nC: 3\r\n"],
  ["what two rules ask for is done once", "/twice", "", "D: 4\r\n"],
  ["rules that do not fit do not", "/bother", "B: x\r\n", "B: x\r\nC: 3\r\n"],
  ["others pass as they are", "/other", "Token: x\r\n", "Token: x\r\n"],
])("%s", async (_what, path, sent, received) => {
  const { ask } = await behind(RULES);
  expect(await ask(`GET ${path} HTTP/1.1\r\nHost: a\r\n${sent}\r\n`)).toBe(
    `GET ${path} HTTP/1.1\r\nHost: a\r\n${received}\r\n`,
  );
});

test("bodies follow the changed head; requests behind it are judged as ever", async () => {
  const { ask } = await behind(
    "[{ path: /a, headerMatches: [{ name: Token, value: t, mismatch: REPLACE }] }]",
  );
  expect(await ask("POST /a HTTP/1.1\r\nHost: a\r\nToken: x\r\nContent-Length: 4\r\n\r\nbody")).toBe(
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nToken: t\r\n\r\nbody",
  );
  expect(await ask("GET /b HTTP/1.1\r\nHost: a\r\nToken: t\r\n\r\n")).toBe("403");
});

test("a header that differs is told, once for each request", async () => {
  const { ask, lines } = await behind(RULES);
  for (const value of ["b", "a", "c"]) await ask(`GET /log HTTP/1.1\r\nHost: a\r\nTeam: ${value}\r\n\r\n`);
  const line = { message: "header differs", header: "Team", request: "GET /log" };
  expect(lines).toEqual([expect.objectContaining(line), expect.objectContaining(line)]);
});
