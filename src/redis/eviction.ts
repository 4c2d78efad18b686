// A Redis that may throw keys away when it is full forgets what was sent and where a schedule stood: said once, early.
import type { Redis } from "ioredis";
import type { Emit } from "../event.ts";

/** Asks the server on the first connection that answers, and reports what it may throw away; then never again. */
export function evictionWarning({
  where,
  emit,
}: {
  readonly where: string;
  readonly emit: Emit;
}): (client: Redis) => void {
  let isAnswered = false;
  return (client) => {
    if (isAnswered) return;
    client.info("memory").then(
      (text) => {
        if (isAnswered) return;
        isAnswered = true;
        const policy = evictionPolicy(text);
        if (policy !== null) emit({ type: "failure", where, reason: warning(policy) });
      },
      // Who may not ask is not told; whoever lost the connection asks again with the next.
      () => undefined,
    );
  };
}

/** The policy of a server that has a limit and evicts; null where nothing is ever thrown away. */
export function evictionPolicy(info: string): string | null {
  const valueOf = (field: string): string => new RegExp(`^${field}:(.*?)\\r?$`, "m").exec(info)?.[1] ?? "";
  const policy = valueOf("maxmemory_policy");
  return Number(valueOf("maxmemory")) === 0 || policy === "" || policy === "noeviction" ? null : policy;
}

function warning(policy: string): string {
  const what = policy.startsWith("volatile-") ? "leases and results" : "queues, marks and beat-records";
  return `maxmemory-policy is ${policy}: when this Redis is full it throws away ${what} (set maxmemory-policy noeviction)`;
}
