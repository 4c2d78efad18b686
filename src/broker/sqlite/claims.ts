// What a consumer does in the tables. All but the reads are to be called inside a transaction.
import type { Clock, Instant } from "../../clock.ts";
import { topicPattern } from "../../protocol/kombu.ts";
import { type BoundQueue, rejectedKept, rejectedQueue } from "../consumer.ts";
import type { BrokerFile } from "./file.ts";

export interface Row {
  readonly id: number;
  readonly queue: string;
  readonly priority: number;
  readonly text: string;
  readonly redelivered: number;
}

export type Verdict = "done" | "requeue" | "aside";

export interface ClaimsOptions {
  readonly id: string;
  readonly label: string;
  readonly clock: Clock;
  readonly visibilityTimeoutMs: number;
}

export class Claims {
  readonly id: string;
  readonly #file: BrokerFile;
  readonly #options: ClaimsOptions;

  constructor(file: BrokerFile, options: ClaimsOptions) {
    this.id = options.id;
    this.#file = file;
    this.#options = options;
  }

  /** Says that we are there, for as long as the visibility timeout. */
  register(): void {
    const { id, label, clock, visibilityTimeoutMs } = this.#options;
    this.#run("INSERT OR REPLACE INTO consumer VALUES (?, ?, ?)", id, label, clock.now() + visibilityTimeoutMs);
  }

  isRegistered(): boolean {
    return this.#file.statement("SELECT 1 FROM consumer WHERE id = ?").get(this.id) !== undefined;
  }

  declare({ name, exchange, exchangeType, routingKey, temporary }: BoundQueue): void {
    const pattern = exchangeType === "topic" ? topicPattern(routingKey) : "";
    if (exchange !== "") {
      this.#run("INSERT OR IGNORE INTO binding VALUES (?, ?, ?, ?)", exchange, routingKey, pattern, name);
    }
    if (temporary === true) this.#run("INSERT OR REPLACE INTO temporary_queue VALUES (?, ?)", name, this.id);
  }

  /** A read. */
  isReady(queue: string): boolean {
    const select = "SELECT 1 FROM message WHERE queue = ? AND claimed_by IS NULL LIMIT 1";
    return this.#file.statement(select).get(queue) !== undefined;
  }

  /** The next ones of a queue, in order. */
  take(queue: string, most: number): readonly Row[] {
    const rows = this.#file
      .statement(
        `UPDATE message SET claimed_by = ? WHERE id IN (
          SELECT id FROM message WHERE queue = ? AND claimed_by IS NULL ORDER BY priority, id LIMIT ?
        ) RETURNING id, queue, priority, text, redelivered`,
      )
      .all(this.id, queue, most) as Row[];
    return rows.sort((left, right) => left.priority - right.priority || left.id - right.id);
  }

  /** False when it was not ours any more. */
  settle(id: number, verdict: Verdict): boolean {
    if (verdict === "done") return this.#run("DELETE FROM message WHERE id = ? AND claimed_by = ?", id, this.id) === 1;
    if (verdict === "aside") return this.#setAside(id);
    const giveBack = "UPDATE message SET claimed_by = NULL, redelivered = 1 WHERE id = ? AND claimed_by = ?";
    return this.#run(giveBack, id, this.id) === 1;
  }

  /** The bound of what is set aside, over all queues of ours. */
  trimAside(queue: string): void {
    const aside = rejectedQueue(queue);
    const count = "SELECT count(*) FROM message WHERE queue = ? AND claimed_by IS NULL";
    const excess = Number(this.#file.statement(count).pluck().get(aside)) - rejectedKept;
    if (excess <= 0) return;
    const oldest = "SELECT id FROM message WHERE queue = ? AND claimed_by IS NULL ORDER BY id LIMIT ?";
    this.#run(`DELETE FROM message WHERE id IN (${oldest})`, aside, excess);
  }

  /** Gives back all that the consumer has, and removes it and its temporary queues; the last thing done for it. */
  bury(consumer: string = this.id): void {
    this.#run("UPDATE message SET claimed_by = NULL, redelivered = 1 WHERE claimed_by = ?", consumer);
    const queues = "SELECT name FROM temporary_queue WHERE consumer = ?";
    for (const queue of this.#file.statement(queues).pluck().all(consumer) as string[]) {
      this.#run("DELETE FROM message WHERE queue = ?", queue);
      this.#run("DELETE FROM binding WHERE queue = ?", queue);
    }
    this.#run("DELETE FROM temporary_queue WHERE consumer = ?", consumer);
    this.#run("DELETE FROM consumer WHERE id = ?", consumer);
  }

  /** What is claimed by nobody who is known, as in a file that was mended by hand. */
  buryUnknown(): void {
    const select = "SELECT DISTINCT claimed_by FROM message WHERE claimed_by IS NOT NULL";
    const unknown = `${select} AND claimed_by NOT IN (SELECT id FROM consumer)`;
    for (const consumer of this.#file.statement(unknown).pluck().all() as string[]) this.bury(consumer);
  }

  /** A read: who else consumes, and until when each is to be believed in. */
  others(): ReadonlyMap<string, Instant> {
    const select = "SELECT id, alive_until AS aliveUntil FROM consumer WHERE id <> ?";
    const rows = this.#file.statement(select).all(this.id) as { id: string; aliveUntil: Instant }[];
    return new Map(rows.map(({ id, aliveUntil }) => [id, aliveUntil]));
  }

  /** As a new message, for what is set aside is ordered and bounded by when that was. */
  #setAside(id: number): boolean {
    const copied = this.#file
      .statement(
        `INSERT INTO message (queue, priority, text, enqueued_at)
          SELECT queue || ?, priority, text, enqueued_at FROM message WHERE id = ? AND claimed_by = ?`,
      )
      .run(rejectedQueue(""), id, this.id).changes;
    if (copied === 0) return false;
    return this.settle(id, "done");
  }

  #run(sql: string, ...values: readonly (string | number)[]): number {
    return this.#file.statement(sql).run(...values).changes;
  }
}
