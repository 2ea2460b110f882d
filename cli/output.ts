// SPDX-License-Identifier: Apache-2.0
/** A table as people read it: columns two spaces apart, numbers (and what `right` names) to the right. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly string[] = [],
): string {
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => (row[i] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => {
        const width = widths[i] ?? 0;
        return right.includes(head[i] ?? "") ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return [line(head), ...rows.map(line)].join("\n");
}

/** Writes a result to standard output; waits until a pipe has taken it, so that exiting cuts nothing off. */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${text}\n`, (error) => (error ? reject(error) : resolve()));
  });
}

/** Prints a value as JSON. */
export function printJson(value: unknown): Promise<void> {
  return print(JSON.stringify(value, null, 2));
}
