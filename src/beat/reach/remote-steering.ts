// A running beat as another process steers it: each method is a command that somebody carries to the beat and back.
import { type ErrorCode, LovageError } from "../../error.ts";
import type { RemoteSteering } from "../steer/steering.ts";

/** Brings a command to the beat; resolves with its answer as it came. */
export type Ask = (method: string, args: Readonly<Record<string, unknown>>) => Promise<unknown>;

/** Which beat is meant; null: whichever hears it. */
export interface BeatAddress {
  readonly scope: string | null;
  readonly label: string | null;
}

/** All there are: the compiler misses none. */
const codes = {
  config: true,
  schedule: true,
  broker: true,
  "stale-term": true,
  standby: true,
  store: true,
  result: true,
  locked: true,
  usage: true,
} satisfies Record<ErrorCode, true>;

/** Its methods throw what the beat threw, as LovageError with the same code and hint, besides what `ask` throws. */
export function createRemoteSteering(ask: Ask, { scope, label }: BeatAddress): RemoteSteering {
  // What comes back is what BeatSteering's method of that name returned, by way of JSON.
  const send = async <Answer>(method: string, args: object = {}): Promise<Answer> =>
    readBeatAnswer(await ask(method, { ...args, scope, label })) as Answer;
  return Object.freeze<RemoteSteering>({
    status: () => send("beat_status"),
    list: (query) => send("beat_list", query),
    show: (entry) => send("beat_show", { entry }),
    history: (entry, limit) => send("beat_history", { entry, limit }),
    upcoming: (limit) => send("beat_upcoming", { limit }),
    pause: (request) => send("beat_pause", request),
    resume: (request) => send("beat_resume", request),
    run: (request) => send("beat_run", request),
    previewBackfill: (range) => send("beat_backfill_preview", range),
    startBackfill: (request) => send("beat_backfill", request),
    backfills: () => send("beat_backfills"),
    stopBackfill: (id, by) => send("beat_backfill_stop", { id, by }),
    resumeBackfill: (id, by) => send("beat_backfill_resume", { id, by }),
  });
}

/**
 * The data of `{"ok": data}`.
 *
 * @throws LovageError what the beat threw, or `broker` when it is no answer of a beat
 */
export function readBeatAnswer(answer: unknown): unknown {
  const { ok, error, code, hint } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  if (ok !== undefined) return ok;
  if (typeof error === "string") {
    throw new LovageError(isErrorCode(code) ? code : "usage", error, {
      hint: typeof hint === "string" ? hint : undefined,
    });
  }
  throw new LovageError("broker", "the beat's answer cannot be read", { hint: "is it a beat of another version?" });
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(codes, code);
}
