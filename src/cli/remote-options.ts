// What `inspect` and `control` have in common: whom they speak to, for how long, and what they do when nobody answers.
import { type AddressOptions, Control } from "../app/control.ts";
import { LovageError } from "../error.ts";
import { openApp } from "./open.ts";
import type { CommonOptions } from "./options.ts";

export interface RemoteOptions extends CommonOptions {
  /** Node names with commas between them, or a list. */
  readonly destination?: string | readonly string[];
  /** Seconds to wait for the next answer. */
  readonly timeout?: number | string;
  readonly json?: boolean;
}

/** Celery's exit code when no worker answers: EX_UNAVAILABLE. */
const unavailable = 69;

/** Runs with a connection to the workers, and closes it whatever happens. */
export async function withControl(options: RemoteOptions, run: (control: Control) => Promise<number>): Promise<number> {
  const { app } = await openApp(options);
  try {
    return await run(new Control(app));
  } finally {
    await app.close();
  }
}

/** @throws LovageError("usage") for a timeout that is no number */
export function addressOptions({ destination, timeout }: RemoteOptions): AddressOptions {
  const names = typeof destination === "string" ? destination.split(",") : destination;
  const seconds = timeout === undefined || timeout === "" ? 1 : Number(timeout);
  if (!(seconds > 0)) throw new LovageError("usage", `--timeout ${timeout} is no number of seconds above 0`);
  const found = names?.map((name) => name.trim()).filter((name) => name !== "");
  return { destination: found, timeout: seconds };
}

export function tellNobody(): number {
  process.stderr.write("Error: No nodes replied within time constraint\n");
  return unavailable;
}
