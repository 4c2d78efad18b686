// Talking to the workers of an app, Python's and ours alike: commands to all or some of them, and what they answer.
import { randomUUID } from "node:crypto";
import type { Broker } from "../broker/broker.ts";
import { type Clock, systemClock } from "../clock.ts";
import { commandEnvelope, type ControlCommand, replyExchange } from "../protocol/control.ts";
import { LamportClock } from "../protocol/lamport.ts";
import type { Conf } from "./conf.ts";
import { Inspect, type InspectOptions, type Ping } from "./inspect.ts";
import { openInbox } from "./control-inbox.ts";
import { createQueues } from "./queues.ts";

/** What the workers of a call said: for each answer an object of one node name and its answer, in the order they came. */
export type Replies<Content = unknown> = readonly Readonly<Record<string, Content>>[];

/** Most commands answer so. */
export type Outcome = { readonly ok: string } | { readonly error: string };

/** Whom to speak to, and how long to listen. */
export interface AddressOptions {
  /** Node names, such as `celery@host`; all workers when it is left out. */
  readonly destination?: string | readonly string[] | undefined;
  /** Seconds to wait for the next answer (1). Each answer starts them anew. */
  readonly timeout?: number | undefined;
  /** No more answers than these are waited for; as many as there are destinations, when those are named. */
  readonly limit?: number | undefined;
  /** Only nodes whose names this takes; see `matcher`. */
  readonly pattern?: string | undefined;
  /** `glob` (the default): the whole name, with `*` and `?`; `pcre`: a regular expression for the beginning of it. */
  readonly matcher?: "glob" | "pcre" | undefined;
  /** Called with each answer as it comes. */
  readonly onReply?: ((reply: Readonly<Record<string, unknown>>) => void) | undefined;
}

export interface ControlOptions extends AddressOptions {
  /** Wait for the answers and return them; else nothing is waited for, and the list is empty. */
  readonly reply?: boolean | undefined;
}

export interface RevokeOptions extends ControlOptions {
  /** Also end those that run. */
  readonly terminate?: boolean | undefined;
  /** How to end them: SIGTERM when it is left out. */
  readonly signal?: NodeJS.Signals | undefined;
}

/** What an app gives: its connection and its settings, which are complete once the broker is there. */
export interface ControlSource {
  broker(): Promise<Broker>;
  readonly conf: Conf;
}

type Arguments = Readonly<Record<string, unknown>>;

const standardTimeout = 1;

/**
 * `app.control`: steers workers while they run. Every method may reject with a LovageError when the broker is out of
 * reach; a worker that refuses says so in its answer.
 */
export class Control {
  readonly #source: ControlSource;
  readonly #clock: Clock;
  readonly #lamport = new LamportClock();

  constructor(source: ControlSource, clock: Clock = systemClock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** Questions that change nothing: `await app.control.inspect().active()`. */
  inspect(options: InspectOptions = {}): Inspect {
    return new Inspect(this, options);
  }

  /** Sends any command by its name. */
  async broadcast(command: string, args: Arguments = {}, options: ControlOptions = {}): Promise<Replies> {
    const broker = await this.#source.broker();
    const namespace = this.#source.conf.controlExchange;
    const timeout = options.timeout ?? standardTimeout;
    const send = async (reply: ControlCommand["reply"]): Promise<void> => {
      const expiresAt = timeout === 0 ? null : this.#clock.now() + timeout * 1000;
      const sender = { namespace, clock: this.#lamport.forward(), expiresAt };
      await broker.publish([commandEnvelope(commandOf(command, args, options, reply), sender)]);
    };
    if (options.reply !== true) {
      await send(null);
      return [];
    }
    const ticket = randomUUID();
    const exchange = replyExchange(namespace);
    const inbox = await openInbox(broker, { exchange, ticket, clock: this.#clock, lamport: this.#lamport });
    try {
      await send({ ticket, to: { exchange, routingKey: ticket } });
      return await inbox.collect(timeout * 1000, options);
    } finally {
      await inbox.close();
    }
  }

  /** Which workers there are. */
  async ping(options: AddressOptions = {}): Promise<Replies<Ping>> {
    return (await this.broadcast("ping", {}, { ...options, reply: true })) as Replies<Ping>;
  }

  /** Workers will not start these tasks any more. */
  async revoke(ids: string | readonly string[], options: RevokeOptions = {}): Promise<Replies> {
    const { terminate = false, signal = "SIGTERM" } = options;
    return this.broadcast("revoke", { task_id: ids, terminate, signal }, options);
  }

  /** The same, and those that run are ended: in a pool of processes by the signal. */
  async terminate(ids: string | readonly string[], options: RevokeOptions = {}): Promise<Replies> {
    return this.revoke(ids, { ...options, terminate: true });
  }

  /** @param rate `10/s`, `100/m`, `5/h`, or a number a second; 0: no limit */
  async rateLimit(task: string, rate: string | number, options: ControlOptions = {}): Promise<Replies> {
    return this.broadcast("rate_limit", { task_name: task, rate_limit: rate }, options);
  }

  /** @param limits seconds; null: none */
  async timeLimit(
    task: string,
    limits: { readonly soft?: number | null; readonly hard?: number | null },
    options: ControlOptions = {},
  ): Promise<Replies> {
    const { hard = null, soft = null } = limits;
    return this.broadcast("time_limit", { task_name: task, hard, soft }, options);
  }

  /** Workers consume from one more queue. What is not said of it is called as the queue itself. */
  async addConsumer(
    queue: string,
    options: ControlOptions & {
      readonly exchange?: string;
      readonly exchangeType?: "direct" | "topic" | "fanout";
      readonly routingKey?: string;
    } = {},
  ): Promise<Replies> {
    const { exchange = null, exchangeType = "direct", routingKey = null } = options;
    const args = { queue, exchange, exchange_type: exchangeType, routing_key: routingKey };
    return this.broadcast("add_consumer", args, options);
  }

  async cancelConsumer(queue: string, options: ControlOptions = {}): Promise<Replies> {
    return this.broadcast("cancel_consumer", { queue }, options);
  }

  async poolGrow(count = 1, options: ControlOptions = {}): Promise<Replies> {
    return this.broadcast("pool_grow", { n: count }, options);
  }

  async poolShrink(count = 1, options: ControlOptions = {}): Promise<Replies> {
    return this.broadcast("pool_shrink", { n: count }, options);
  }

  /** Replaces pool processes, on workers with the setting `workerPoolRestarts`. */
  async poolRestart(options: ControlOptions = {}): Promise<Replies> {
    return this.broadcast("pool_restart", { modules: null, reload: false, reloader: null }, options);
  }

  async autoscale(max: number, min: number, options: ControlOptions = {}): Promise<Replies> {
    return this.broadcast("autoscale", { max, min }, options);
  }

  /** Workers finish what they have in hand, and end. */
  async shutdown(options: ControlOptions = {}): Promise<Replies> {
    return this.broadcast("shutdown", {}, options);
  }

  /** Workers report their tasks to monitors, as with `-E`. */
  async enableEvents(options: ControlOptions = {}): Promise<Replies> {
    return this.broadcast("enable_events", {}, options);
  }

  async disableEvents(options: ControlOptions = {}): Promise<Replies> {
    return this.broadcast("disable_events", {}, options);
  }

  /** Workers send a heartbeat to monitors now. */
  async heartbeat(options: ControlOptions = {}): Promise<Replies> {
    return this.broadcast("heartbeat", {}, options);
  }

  /**
   * Throws away what waits in the queues, for good.
   *
   * @param queues names; the queues of the settings when it is left out
   * @returns how many messages are gone
   */
  async purge(queues?: readonly string[]): Promise<number> {
    const broker = await this.#source.broker();
    const names = queues ?? createQueues(this.#source.conf).declared.map(({ name }) => name);
    const counts = await Promise.all(names.map((name) => broker.purge(name)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Celery's other name of {@link purge}. */
  async discardAll(queues?: readonly string[]): Promise<number> {
    return this.purge(queues);
  }
}

function commandOf(
  method: string,
  args: Arguments,
  { destination, pattern, matcher = "glob" }: ControlOptions,
  reply: ControlCommand["reply"],
): ControlCommand {
  return {
    method,
    arguments: args,
    destination: typeof destination === "string" ? [destination] : (destination ?? null),
    pattern: pattern ?? null,
    matcher: pattern === undefined ? null : matcher,
    reply,
  };
}
