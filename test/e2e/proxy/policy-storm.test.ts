// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test } from "@jest/globals";
import { CompilerThread } from "../../../cli/agent/compiler.js";
import { Enforcement } from "../../../cli/agent/enforcement.js";
import { silentLog } from "../../../core/log.js";
import { parsePolicies, PolicyStore } from "../../../l7policy/index.js";
import type { Policy } from "../../../l7policy/model.js";
import type { ResolvedPolicies } from "../../../l7policy/resolve/revision.js";
import { built } from "../../support/compiler.js";
import { client, closeClients, RecordingService, startSidecar, type Peer } from "../../support/peers.js";
import { Random } from "../../support/random.js";
import { clock } from "../../support/sidecar.js";

const STATES = ["a.one", "a.two", "b.one", "b.two"] as const;
type State = (typeof STATES)[number];

/**
 * Policies of one revision. A request for `/EGRESS/INGRESS` passes when the client's egress is that of one state and the
 * service's ingress that of another (the state's name says of which kind of client, or of the other kind when selectors are
 * swapped), so a request that asks for two different states passes only when it meets halves of both.
 */
function policies(revision: "a" | "b", swapped: boolean): readonly Policy[] {
  const port = `ports: [{ port: "1", endPort: 65535, protocol: TCP }]`;
  const of = (label: "one" | "two"): string => {
    const state = `${revision}[.]${label}`;
    const kind = swapped ? { one: "two", two: "one" }[label] : label;
    return `---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: egress-${label} }
spec:
  endpointSelector: { matchLabels: { kind: ${kind} } }
  egress: [{ toPorts: [{ ${port}, rules: { http: [{ path: "/${state}/.*" }] } }] }]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: ingress-${label} }
spec:
  endpointSelector: { matchLabels: { app: service } }
  ingress: [{ fromEndpoints: [{ matchLabels: { kind: ${kind} } }], toPorts: [{ ${port}, rules: { http: [{ path: "/.*/${state}" }] } }] }]
`;
  };
  const parsed = parsePolicies(`${revision}.yaml`, of("one") + of("two"));
  if (!parsed.ok) throw parsed.errors[0] as Error;
  return parsed.policies;
}

const undo: (() => Promise<void>)[] = [];

afterEach(async () => {
  closeClients();
  for (const action of undo.splice(0).reverse()) await action();
});

/** Puts revisions in force as the agent does: compiled by another thread, which takes its time, or within one turn. */
interface Switch {
  readonly store: PolicyStore;
  readonly first: ResolvedPolicies;
  to(policies: readonly Policy[], swap: (made: ResolvedPolicies) => void): Promise<void> | void;
  readonly close: () => void;
}

function atOnce(texts: readonly Policy[]): Switch {
  const store = new PolicyStore();
  return {
    store,
    first: store.resolve(texts),
    to(next, swap) {
      const made = store.prepare(next);
      expect(store.conflicts(made)).toEqual([]);
      store.commit(made);
      swap(made);
    },
    close() {},
  };
}

async function byThread(texts: readonly Policy[]): Promise<Switch> {
  const compiler = new CompilerThread(clock, silentLog, built);
  const options = { mode: "default", audit: false } as const;
  const read = (policies: readonly Policy[]) => () => Promise.resolve({ files: [], policies, errors: [] });
  const enforcement = await Enforcement.start({ options, compiler, clock, log: silentLog }, read(texts), 0);
  const { store } = enforcement;
  return {
    store,
    first: enforcement.policy,
    async to(next, swap) {
      // Some changes come with everything compiled, some with nothing.
      const here = random.once(2) ? [...store.identities.all()].map(({ identity }) => identity) : [];
      expect(await enforcement.change(read(next), () => here, 0, swap)).toEqual([]);
    },
    close: () => compiler.close(),
  };
}

const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const random = new Random(seed);

test.each([
  ["within one turn", atOnce],
  ["compiled by a thread", byThread],
] as const)(
  "policies, their selectors and labels change %s while requests run: each is judged by one state, never by halves of two",
  async (_how, begin) => {
    const service = await RecordingService.start(({ socket }) =>
      socket.on("data", (bytes: Buffer) => {
        const count = bytes.toString("latin1").split("GET ").length - 1;
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".repeat(count));
      }),
    );
    undo.push(() => service.stop());
    const texts = {
      a: [policies("a", false), policies("a", true)],
      b: [policies("b", false), policies("b", true)],
    } as const;
    const change = await begin(texts.a[0]);
    undo.push(() => Promise.resolve(change.close()));
    const { store } = change;
    const identity = store.identities.identityOf({ app: "service" });
    const kinds = { one: 0, two: 0 };
    for (const kind of ["one", "two"] as const) kinds[kind] = store.identities.identityOf({ kind });
    let kind: "one" | "two" = "one";
    let revision: "a" | "b" = "a";
    let swapped = false;
    const state = (): State => {
      const other = { one: "two", two: "one" } as const;
      return `${revision}.${swapped ? other[kind] : kind}`;
    };
    const { sidecar, port } = await startSidecar({
      service: service.port,
      policy: change.first,
      identify: () => ({
        client: kinds[kind],
        clientIsEndpoint: true,
        service: identity,
        serviceIsEndpoint: true,
        address: "127.0.0.1",
        port: service.port,
      }),
    });
    undo.push(() => sidecar.close());

    /** States by the number of the change that made them. */
    const history: State[] = ["a.one"];
    const seen = { allowed: 0, denied: 0, mixed: 0 };
    const rounds = process.env["SOAK"] ? 20_000 : 400;
    let running = true;
    const ask = async (peer: Peer): Promise<void> => {
      while (running) {
        const egress = random.of(STATES);
        const ingress = random.once(2) ? egress : random.of(STATES);
        const since = history.length - 1;
        const at = peer.received.length;
        peer.socket.write(`GET /${egress}/${ingress} HTTP/1.1\r\nHost: a\r\n\r\n`);
        await peer.until(({ received }) => received.indexOf("\r\n\r\n", at) >= 0);
        const status = peer.received.subarray(at + 9, at + 12).toString();
        await peer.until(
          ({ received }) =>
            received.length - at >= (status === "200" ? 38 : received.indexOf("\r\n\r\n", at) + 4 - at + 15),
        );
        const meanwhile = history.slice(since);
        if (egress !== ingress) {
          seen.mixed++;
          expect([egress, ingress, status]).toEqual([egress, ingress, "403"]);
        } else if (status === "200") {
          seen.allowed++;
          expect(meanwhile).toContain(egress);
        } else {
          seen.denied++;
          expect(status).toBe("403");
          expect(meanwhile.some((one) => one !== egress)).toBe(true);
        }
      }
    };
    const peers = await Promise.all(Array.from({ length: 6 }, () => client(port)));
    const asking = peers.map(ask);
    for (let round = 0; round < rounds; round++) {
      if (random.once(2)) {
        kind = kind === "one" ? "two" : "one";
        history.push(state());
        sidecar.identitiesChanged();
      } else {
        const next = random.of(["a", "b"] as const);
        const other = random.once(2);
        await change.to(texts[next][other ? 1 : 0], (made) => {
          [revision, swapped] = [next, other];
          history.push(state());
          sidecar.setPolicy(made);
        });
      }
      await new Promise((resolve) => setTimeout(resolve, random.below(4)));
    }
    running = false;
    await Promise.all(asking);
    console.info(`storm: ${rounds} changes, ${JSON.stringify(seen)}, seed ${seed}`);
    expect(peers.every(({ closed }) => !closed)).toBe(true);
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(20);
  },
);
