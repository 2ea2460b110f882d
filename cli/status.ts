// SPDX-License-Identifier: Apache-2.0
import { Command } from "commander";
import type { Acknowledgement } from "./agent/enforcement.js";
import type { AgentStatus } from "./agent/messages.js";
import { print, printJson, table } from "./output.js";

/** `sockmesh status`: what the agent on this machine does. */
export function statusCommand(): Command {
  return new Command("status")
    .description("show engine, policy, endpoints and counters of the agent on this machine")
    .option("--socket <path>", "the agent's socket")
    .option("--json", "print JSON instead of text", false)
    .addHelpText(
      "after",
      `
Examples:
  sockmesh status
  sockmesh status --json | jq .outcomes`,
    )
    .action(async ({ socket, json }: { socket?: string; json: boolean }) => {
      const [{ askStatus }, { ownSocket }] = await Promise.all([
        import("./agent/client.js"),
        import("./agent/socket-path.js"),
      ]);
      const status = await askStatus(socket ?? ownSocket());
      if (json) return printJson(status);
      const { engine, policy, endpoints, totals } = status;
      const share = totals.kernelBytes / (totals.kernelBytes + totals.tcpBytes);
      await print(
        [
          `agent     ${status.version}, pid ${status.pid}, ${status.socket}`,
          `engine    ${engine.name}, level ${engine.level}${engine.because ? `, because ${engine.because}` : ""}`,
          `policy    revision ${policy.revision} in ${policy.ms} ms, files: ${policy.files.join(", ") || "none"}`,
          ...(policy.audit ? ["          audit: what policy denies is forwarded, and put on record"] : []),
          ...(policy.enforcement === "default" ? [] : [`          enforcement: ${policy.enforcement}`]),
          ...policy.errors.map((error) => `          not in force: ${error}`),
          ...status.listen.map(({ address, service }) => `listen    ${address} to ${service}`),
          `open      ${status.connections} connections`,
          `kernel    ${totals.kernelBytes} bytes moved${Number.isNaN(share) ? "" : `, ${(share * 100).toFixed(1)} % of all`}`,
        ].join("\n"),
      );
      await print(
        `\n${table(
          ["endpoint", "name", "identity", "level", "policy", "labels"],
          endpoints.map((endpoint) => [
            String(endpoint.number),
            endpoint.name,
            String(endpoint.identity),
            endpoint.level,
            acknowledged(endpoint.policy),
            Object.entries(endpoint.labels)
              .map(([key, value]) => `${key}=${value}`)
              .join(" "),
          ]),
        )}`,
      );
      const counts = { ...totals.outcomes, ...status.outcomes };
      await print(
        `\n${table(
          ["outcome", "count"],
          Object.entries(counts).map(([name, count]) => [name, String(count)]),
          ["count"],
        )}`,
      );
      const groups = groupRows(status);
      if (groups.length > 0) await print(`\n${table(["group", "outcome", "count"], groups, ["count"])}`);
    });
}

/** Which revision judges an endpoint, and how long it took. */
function acknowledged({ revision, ms, error }: Acknowledgement): string {
  return `${revision} in ${ms} ms${error === undefined ? "" : `, but ${error}`}`;
}

/** Requests by group: what the sidecar decided, and what the kernel moved. */
function groupRows({ groups, totals }: AgentStatus): string[][] {
  const sidecar = Object.entries(groups).flatMap(([protocol, some]) =>
    Object.entries(some).flatMap(([group, outcomes]) =>
      Object.entries(outcomes).map(([outcome, count]) => [`${protocol} ${group}`, outcome, String(count)]),
    ),
  );
  const kernel = Object.entries(totals.spliced.groups).flatMap(([group, count]) =>
    count > 0 ? [[group, "fast", String(count)]] : [],
  );
  return [...sidecar, ...kernel].sort(([a = ""], [b = ""]) => (a < b ? -1 : a > b ? 1 : 0));
}
