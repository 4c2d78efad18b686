// What happens to whom and when, all of it from the seed: the same seed is the same order of misfortunes.
import type { Random } from "./random.ts";

export type Target = number | "leader";

interface AtBeat {
  readonly target: Target;
  readonly forMs: number;
}

/** What happens to one beat. */
export type BeatMisfortune =
  /** SIGKILL, and started again after `forMs`. */
  | ({ readonly kind: "kill" } & AtBeat)
  /** SIGTERM, and started again after `forMs`. */
  | ({ readonly kind: "stop" } & AtBeat)
  /** SIGSTOP, and SIGCONT after `forMs`. */
  | ({ readonly kind: "freeze" } & AtBeat)
  | ({ readonly kind: "cut" | "stall" | "refuse" | "loseAnswers" } & AtBeat)
  /** The clock of its machine, against the true time, from now on. */
  | ({ readonly kind: "clock"; readonly byMs: number } & AtBeat);

export type Misfortune =
  | BeatMisfortune
  | { readonly kind: "redis-stop" | "redis-kill"; readonly forMs: number }
  /** Of the schedule files, which all beats read. */
  | { readonly kind: "edit"; readonly forMs: 0 };

export type Action = Misfortune & { readonly atMs: number };

export interface ScriptOptions {
  readonly lengthMs: number;
  readonly beats: number;
  /** Milliseconds between two misfortunes, on average. */
  readonly gapMs: number;
  /** How far a clock may be off; 0: they are all right. */
  readonly skewMs: number;
}

export const leaseMs = 10_000;

type Maker = (random: Random, target: Target, skewMs: number) => Misfortune;

/** Some as often as others; those at the leader hurt most. */
const makers: readonly Maker[] = [
  ...times<Maker>(4, (random, target) => ({ kind: "kill", target, forMs: away(random) })),
  ...times<Maker>(2, (random, target) => ({ kind: "stop", target, forMs: random.between(0, 4000) })),
  ...times<Maker>(4, (random, target) => ({ kind: "freeze", target, forMs: away(random) })),
  ...times<Maker>(2, (_, target) => ({ kind: "cut", target, forMs: 0 })),
  ...times<Maker>(3, (random, target) => ({ kind: "stall", target, forMs: away(random) })),
  (random, target) => ({ kind: "refuse", target, forMs: away(random) }),
  ...times<Maker>(2, (random, target) => ({ kind: "loseAnswers", target, forMs: random.between(500, 14_000) })),
  ...times<Maker>(3, (random, target, skewMs) => ({
    kind: "clock",
    target,
    byMs: random.between(-skewMs, skewMs),
    forMs: 0,
  })),
  (random) => ({ kind: "redis-stop", forMs: random.between(100, 5000) }),
  ...times<Maker>(2, (random) => ({ kind: "redis-kill", forMs: random.between(100, 8000) })),
  ...times<Maker>(3, () => ({ kind: "edit", forMs: 0 })),
];

export function writeScript(options: ScriptOptions, random: Random): readonly Action[] {
  const actions: Action[] = [];
  for (let atMs = 0; ; ) {
    atMs += random.between(options.gapMs / 10, options.gapMs * 1.9);
    const target = random.next() < 0.5 ? "leader" : random.between(0, options.beats - 1);
    const misfortune = random.pick(makers)(random, target, options.skewMs);
    if (atMs >= options.lengthMs) return actions;
    actions.push({ ...misfortune, atMs: Math.round(atMs) });
  }
}

export function describeAction(action: Action): string {
  const { kind, forMs } = action;
  const target = "target" in action ? ` ${action.target === "leader" ? "the leader" : `beat-${action.target}`}` : "";
  const clock = kind === "clock" ? ` by ${action.byMs} ms` : "";
  return `${(action.atMs / 1000).toFixed(1)} s: ${kind}${target}${clock}${forMs > 0 ? ` for ${forMs} ms` : ""}`;
}

/** Half the time shorter than the lease, half the time longer. */
function away(random: Random): number {
  return random.next() < 0.5 ? random.between(0, 5000) : random.between(leaseMs, leaseMs + 5000);
}

function times<Item>(count: number, item: Item): readonly Item[] {
  return Array.from({ length: count }, () => item);
}
