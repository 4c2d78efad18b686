// `lovage purge`: throws away what waits in queues, after asking.
import { transportOptionsOf } from "../app/transport.ts";
import { createInterface } from "node:readline/promises";
import type { Broker } from "../broker/broker.ts";
import { openBroker } from "../broker/open.ts";
import { LovageError } from "../error.ts";
import { count } from "../log-words.ts";
import { consumeUrl, openApp } from "./open.ts";
import type { CommonOptions } from "./options.ts";
import { table } from "./print.ts";
import { chooseQueues, type QueueChoice } from "./worker-queues.ts";

export interface PurgeOptions extends CommonOptions, QueueChoice {
  /** Do not ask. */
  readonly force?: boolean;
}

export async function purgeCommand(options: PurgeOptions): Promise<number> {
  const opened = await openApp(options);
  const names = chooseQueues(opened.app, options).map(({ name }) => name);
  if (options.force !== true && !(await isMeant(names))) {
    process.stdout.write("nothing was purged\n");
    return 1;
  }
  const broker = await openBroker(consumeUrl(opened), { transportOptions: transportOptionsOf(opened.app.conf) });
  try {
    const rows: (readonly string[])[] = [];
    let total = 0;
    for (const name of names) {
      const purged = await broker.purge(name);
      total += purged;
      rows.push([`  ${name}`, String(purged)]);
    }
    const where = count(names.length, "queue");
    process.stdout.write(`Purged ${count(total, "message")} from ${where}:\n${table(rows)}`);
    return 0;
  } finally {
    await broker.close();
  }
}

/** Resolves with how many messages there were. */
export async function purgeQueues(broker: Broker, names: readonly string[]): Promise<number> {
  let total = 0;
  for (const name of names) total += await broker.purge(name);
  return total;
}

async function isMeant(names: readonly string[]): Promise<boolean> {
  if (!process.stdin.isTTY) {
    const hint = "-f purges without asking";
    throw new LovageError("usage", "purge asks first, and there is nobody at a terminal to answer", { hint });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const question = `All messages in ${names.join(", ")} will be lost for good. Purge them? [y/N] `;
  try {
    return /^y(es)?$/i.test((await terminal.question(question)).trim());
  } finally {
    terminal.close();
  }
}
