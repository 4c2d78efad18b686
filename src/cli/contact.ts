// The running beat that a command speaks to, or the word that there is none.
import { openDoor } from "../beat/door-bell.ts";
import { createRemoteSteering } from "../beat/remote-steering.ts";
import type { RemoteSteering } from "../beat/steering.ts";
import { systemClock } from "../clock.ts";
import { LovageError } from "../error.ts";
import { openApp } from "./open.ts";
import { type RecordOptions, recordPath } from "./record.ts";

export interface SteerOptions extends RecordOptions {
  /** Over the broker, past the beat of the record named. */
  readonly remote?: boolean;
  /** Seconds to wait for an answer. */
  readonly timeout?: number;
  readonly json?: boolean;
}

export interface Contact {
  readonly steering: RemoteSteering;
  /** `host:pid` of the beat that leads, or answers. */
  readonly label: string;
  readonly via: "record" | "broker";
  close(): Promise<void>;
}

/** Null when no beat answers. */
export async function reachBeat(options: SteerOptions): Promise<Contact | null> {
  const { app } = await openApp(options);
  const door = await openDoor(recordPath(options, app.conf), { clock: systemClock, timeoutMs: 10_000 });
  if (door === null) return null;
  const steering = createRemoteSteering(door.ask, { scope: options.scope ?? app.name, label: null });
  return { steering, label: "", via: "record", close: async () => door.close() };
}

/** For what is opened after `reachBeat`: a second step into a relative folder would miss it. */
export function stayInWorkdir<Options extends SteerOptions>({ workdir: _, ...options }: Options): Omit<Options, "workdir"> {
  return options;
}

/** Closes the contact whatever happens. @throws LovageError when no beat answers */
export async function withBeat<Answer>(
  options: SteerOptions,
  hint: string,
  work: (contact: Contact) => Promise<Answer>,
): Promise<Answer> {
  const contact = await reachBeat(options);
  if (contact === null) throw new LovageError("standby", "no beat answers", { hint });
  try {
    return await work(contact);
  } finally {
    await contact.close();
  }
}
