// Chords on Redis as Celery keeps them, so that its workers and ours can finish one together.
import type { Redis } from "ioredis";
import { LovageError } from "../../error.ts";
import { readJson } from "../../protocol/json-reader.ts";
import { quoteJson, writeJson } from "../../protocol/json-writer.ts";
import { readTuple } from "../../protocol/result-json.ts";
import type { ResultTuple } from "../../protocol/result-meta.ts";
import { runScript } from "../../redis/script.ts";
import type { ChordKeeper, ChordOpening, ChordPart, CompleteChord } from "../chord.ts";
import { joinScript } from "./chord-scripts.ts";

export interface RedisChordsOptions {
  /** Runs commands on the open connection, its failures in words. */
  readonly run: <T>(use: (client: Redis) => Promise<T>) => Promise<T>;
  /** Put before every key. */
  readonly prefix: string;
  /** Null: never. */
  readonly expiresMs: number | null;
  /** As in Celery, and like there the same for all workers. */
  readonly transportOptions: Readonly<Record<string, unknown>>;
}

export class RedisChords implements ChordKeeper {
  readonly #options: RedisChordsOptions;
  readonly #isOrdered: boolean;

  constructor(options: RedisChordsOptions) {
    const { result_chord_ordered: snake, resultChordOrdered: camel = snake } = options.transportOptions;
    this.#options = options;
    this.#isOrdered = camel !== false;
  }

  async open(chords: readonly ChordOpening[]): Promise<void> {
    if (chords.length === 0) return;
    await this.#options.run(async (client) => {
      const steps = client.multi();
      for (const { groupId, size, tree } of chords) {
        this.#set(steps, `${this.#keyOf(groupId)}.s`, String(size));
        if (tree !== null) this.#set(steps, this.#keyOf(groupId), writeJson({ result: tree }));
      }
      for (const [error] of (await steps.exec()) ?? []) if (error !== null) throw error;
    });
  }

  async join({ groupId, groupIndex, taskId, state, resultText }: ChordPart): Promise<CompleteChord | null> {
    const key = this.#keyOf(groupId);
    const head = `[1, ${quoteJson(taskId)}, `;
    const text = `${head}${quoteJson(state)}, ${resultText}]`;
    const score = groupIndex === null ? "+inf" : String(groupIndex);
    const ordered = this.#isOrdered ? "1" : "0";
    const keys = [`${key}.j`, `${key}.t`, `${key}.s`, `${key}.finisher`, key];
    const args = [score, head, text, taskId, this.#span, ordered];
    const answer = await this.#options.run((client) => runScript(client, joinScript, keys, args));
    if (answer === null) return null;
    const [parts, tree] = answer as readonly [readonly string[], string | null];
    return { parts: parts.map(readPart), tree: tree === null ? null : readTree(tree) };
  }

  async close(groupId: string): Promise<void> {
    const key = this.#keyOf(groupId);
    await this.#options.run((client) => client.del(`${key}.j`, `${key}.t`, `${key}.s`, `${key}.finisher`));
  }

  #set(steps: ReturnType<Redis["multi"]>, key: string, text: string): void {
    if (this.#span === "0") steps.set(key, text);
    else steps.set(key, text, "PX", this.#span);
  }

  get #span(): string {
    const { expiresMs } = this.#options;
    return expiresMs === null ? "0" : String(Math.max(1, Math.round(expiresMs)));
  }

  #keyOf(groupId: string): string {
    return `${this.#options.prefix}celery-taskset-meta-${groupId}`;
  }
}

/** `[1, id, state, result]` */
function readPart(text: string): CompleteChord["parts"][number] {
  const part = readJson(text);
  const [, taskId, state, result] = Array.isArray(part) ? (part as readonly unknown[]) : [];
  if (typeof taskId === "string" && typeof state === "string") return { taskId, state, result };
  throw new LovageError("config", "a part of a chord cannot be read", {
    hint: 'only JSON results are read: set result_serializer = "json" in the app that wrote it',
  });
}

/** Celery keeps one only where results are lists within the list. */
function readTree(text: string): ResultTuple | null {
  const kept = readJson(text) as { readonly result?: unknown } | null;
  return readTuple(kept?.result);
}
