// One ping: a URL is fetched until it answers well or the tries are used up. What it answers is not read.
import { backoff, type BackoffOptions } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import { messageOf } from "../error.ts";
import { pingRequest } from "./ping-url.ts";

export interface KnockOptions {
  readonly clock: Clock;
  /** Ends it, between tries and within one. */
  readonly signal: AbortSignal;
  /** Of one try. */
  readonly limitMs?: number;
  readonly tries?: number;
  readonly retry?: BackoffOptions;
  /** Whether somebody else waits for its slot: then a server that hangs is not tried again. */
  readonly isInTheWay?: () => boolean;
}

export interface Knocked {
  /** Null when the URL took it, else why not. */
  readonly reason: string | null;
  /** There was no answer in time. */
  readonly isLate: boolean;
}

const usual = { limitMs: 10_000, tries: 3, retry: { firstMs: 1000, mostMs: 10_000 }, isInTheWay: () => false };

/** Never rejects. */
export async function knock(url: string, options: KnockOptions): Promise<Knocked> {
  const { clock, signal, tries, retry, isInTheWay } = { ...usual, ...options };
  for (let failures = 0; ; ) {
    const { reason, isLate, isFinal } = await tryOnce(url, { ...usual, ...options });
    failures += 1;
    const isLast = isFinal || failures >= tries || (isLate && isInTheWay());
    if (!isLast) await clock.sleep(backoff(failures - 1, retry), signal);
    if (isLast || signal.aborted) return { reason, isLate };
  }
}

interface Try extends Knocked {
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
    const request = pingRequest(url);
    const response = await fetch(request.url, { signal: limit, headers: request.headers });
    await response.body?.cancel();
    return judge(response.status);
  } catch (error) {
    const reason = isLate ? `no answer within ${limitMs / 1000} s` : reasonOf(error, signal);
    return { reason, isLate, isFinal: false };
  } finally {
    end.abort();
  }
}

/** What the client did wrong it would do again; too many requests and time-outs pass. */
function judge(status: number): Try {
  if (status < 400) return { reason: null, isLate: false, isFinal: true };
  return { reason: `status ${status}`, isLate: false, isFinal: status < 500 && status !== 408 && status !== 429 };
}

/** `fetch failed` says nothing; what lies behind it does. */
function reasonOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return "beat stopped before there was an answer";
  const cause = error instanceof Error ? error.cause : undefined;
  if (!(cause instanceof Error)) return messageOf(error);
  return "code" in cause && cause.message === "" ? String(cause.code) : messageOf(cause);
}
