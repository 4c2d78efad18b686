// Hears the workers' task events for the runs that the gate watches, and asks the workers themselves about runs of which
// nothing was heard: from before this beat led, or while it was cut off from the broker.
import type { Inspect } from "../../app/inspect.ts";
import type { Broker } from "../../broker/broker.ts";
import type { Listener } from "../../broker/consumer.ts";
import type { Clock } from "../../clock.ts";
import type { Envelope } from "../../protocol/envelope.ts";
import { contentText } from "../../protocol/serializer.ts";
import { readEvents, type TaskEvent } from "../../protocol/task-event.ts";
import { type KnownRun, type KnownRuns, noteProgress, type Progress } from "./runs.ts";
import type { RunSource } from "./source.ts";

export interface EventSourceOptions {
  readonly broker: Pick<Broker, "listen" | "depth">;
  /** The setting `eventExchange`. */
  readonly exchange: string;
  /** Questions to these workers; to all when it is undefined. */
  readonly inspect: (destination: readonly string[] | undefined) => Pick<Inspect, "queryTask">;
  readonly runs: KnownRuns;
  readonly clock: Clock;
}

/** So long a run needs no further question: events tell of it, unless one was lost. */
const freshMs = 30_000;
/** Most ids in one question. */
const mostAsked = 1000;

const progressByType: ReadonlyMap<string, Progress> = new Map<string, Progress>([
  ["task-received", "unknown"],
  ["task-started", "begun"],
  ["task-retried", "begun"],
  ["task-succeeded", "ended"],
  ["task-failed", "ended"],
  ["task-revoked", "ended"],
  ["task-rejected", "ended"],
]);

export class EventSource implements RunSource {
  readonly name = "the workers";
  readonly needsResults = false;
  readonly #options: EventSourceOptions;
  #listener: Promise<Listener> | null = null;

  constructor(options: EventSourceOptions) {
    this.#options = options;
  }

  async prepare(): Promise<void> {
    const { broker, exchange } = this.#options;
    this.#listener ??= broker.listen(exchange, (envelope) => this.#hear(envelope));
    try {
      await this.#listener;
    } catch (error) {
      this.#listener = null;
      throw error;
    }
  }

  async look(runs: readonly KnownRun[], queueOf: (run: KnownRun) => string | null): Promise<void> {
    if (!runs.some((run) => this.#needsQuestion(run))) return;
    // One question serves all: it takes a second, however many runs it is about.
    const others = this.#options.runs.open().filter((run) => this.#needsQuestion(run) && !runs.includes(run));
    const asked = [...runs.filter((run) => this.#needsQuestion(run)), ...others].slice(0, mostAsked);
    // Before the workers are asked: what leaves its queue in between is in the hands of one of them.
    const left = await this.#notQueued(asked, queueOf);
    const answers = await this.#ask(asked);
    for (const run of asked) this.#judge(run, answers, left.has(run));
  }

  async close(): Promise<void> {
    const listener = await this.#listener?.catch(() => null);
    this.#listener = null;
    await listener?.close();
  }

  #needsQuestion({ isSent, checkedAt, progress }: KnownRun): boolean {
    if (!isSent || progress === "ended") return false;
    return checkedAt === null || Math.abs(this.#options.clock.now() - checkedAt) >= freshMs;
  }

  /** There may be thousands of events a second, of which one or two are about these runs: only those are read whole. */
  #hear(envelope: Envelope): void {
    try {
      const ids = contentText(envelope).matchAll(/"uuid":\s*"([^"]+)"/g);
      for (const [, id = ""] of ids) {
        if (this.#options.runs.find(id) === undefined) continue;
        for (const event of readEvents(envelope)) this.#note(event);
        return;
      }
    } catch {
      // What is no event is the sender's mistake; `lovage events` shows it.
    }
  }

  #note(event: TaskEvent): void {
    const run = this.#options.runs.find(String(event["uuid"]));
    const progress = progressByType.get(event.type);
    if (run === undefined || progress === undefined) return;
    run.checkedAt = this.#options.clock.now();
    run.worker = event.hostname;
    // What goes back to its queue will run yet.
    if (event.type !== "task-rejected" || event["requeue"] !== true) noteProgress(run, progress);
  }

  async #notQueued(
    runs: readonly KnownRun[],
    queueOf: (run: KnownRun) => string | null,
  ): Promise<ReadonlySet<KnownRun>> {
    const queues = [...new Set(runs.map(queueOf))].filter((queue) => queue !== null);
    const depths = await Promise.all(queues.map((queue) => this.#options.broker.depth(queue)));
    const empty = new Set<string | null>(queues.filter((_, index) => depths[index] === 0));
    return new Set(runs.filter((run) => empty.has(queueOf(run))));
  }

  async #ask(runs: readonly KnownRun[]): Promise<Answers> {
    const workers = runs.map(({ worker }) => worker);
    const known = workers.filter((worker) => worker !== null);
    const destination = known.length < workers.length ? undefined : [...new Set(known)];
    const replies = await this.#options.inspect(destination).queryTask(...runs.map(({ taskId }) => taskId));
    // Who does not know the question has no tasks, or cannot tell.
    return new Map(Object.entries(replies).filter(([, answer]) => !("error" in answer)));
  }

  /** Nobody has it, and it does not wait in its queue: it has ended, and what told so was lost. */
  #judge(run: KnownRun, answers: Answers, isNotQueued: boolean): void {
    run.checkedAt = this.#options.clock.now();
    const found = [...answers].find(([, tasks]) => Object.hasOwn(tasks, run.taskId));
    if (found !== undefined) {
      const [worker, tasks] = found;
      run.worker = worker;
      if (tasks[run.taskId]?.[0] === "active") noteProgress(run, "begun");
      return;
    }
    const hasSpoken = run.worker === null ? answers.size > 0 : answers.has(run.worker);
    if (hasSpoken && isNotQueued) noteProgress(run, "ended");
  }
}

type Answers = ReadonlyMap<string, Readonly<Record<string, readonly [state: string, info: unknown]>>>;
