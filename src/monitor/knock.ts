// One ping: a URL is fetched until it answers well or the tries are used up. What it answers is not read.
import { backoff, type BackoffOptions } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import { messageOf } from "../error.ts";

export interface KnockOptions {
  readonly clock: Clock;
  /** Ends it, between tries and within one. */
  readonly signal: AbortSignal;
  /** Of one try. */
  readonly limitMs?: number;
  readonly tries?: number;
  readonly retry?: BackoffOptions;
}

const usual = { limitMs: 10_000, tries: 3, retry: { firstMs: 1000, mostMs: 10_000 } };

/** Null when the URL took it, else why not. Never rejects. */
export async function knock(url: string, options: KnockOptions): Promise<string | null> {
  const { clock, signal, tries, retry } = { ...usual, ...options };
  for (let failures = 0; ; ) {
    const { reason, isFinal } = await tryOnce(url, { ...usual, ...options });
    failures += 1;
    if (reason === null || isFinal || failures >= tries || signal.aborted) return reason;
    await clock.sleep(backoff(failures - 1, retry), signal);
    if (signal.aborted) return reason;
  }
}

interface Try {
  readonly reason: string | null;
  /** Asking again would give the same answer. */
  readonly isFinal: boolean;
}

async function tryOnce(url: string, { clock, signal, limitMs }: KnockOptions & { limitMs: number }): Promise<Try> {
  const end = new AbortController();
  const limit = AbortSignal.any([signal, end.signal]);
  let isLate = false;
  void clock.sleep(limitMs, limit).then(() => {
    isLate = !limit.aborted;
    end.abort();
  });
  try {
    const response = await fetch(url, { signal: limit, headers: { "user-agent": "lovage" } });
    await response.body?.cancel();
    return judge(response.status);
  } catch (error) {
    return { reason: isLate ? `no answer within ${limitMs / 1000} s` : reasonOf(error, signal), isFinal: false };
  } finally {
    end.abort();
  }
}

/** What the client did wrong it would do again; too many requests and time-outs pass. */
function judge(status: number): Try {
  if (status < 400) return { reason: null, isFinal: true };
  return { reason: `status ${status}`, isFinal: status < 500 && status !== 408 && status !== 429 };
}

/** `fetch failed` says nothing; what lies behind it does. */
function reasonOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return "beat stopped before there was an answer";
  const cause = error instanceof Error ? error.cause : undefined;
  if (!(cause instanceof Error)) return messageOf(error);
  return "code" in cause && cause.message === "" ? String(cause.code) : messageOf(cause);
}
