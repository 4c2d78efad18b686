// Beat as a node of its broker: Celery's tools see it and are answered, and so are our own from any machine. Whatever the broker
// does, this neither keeps beat from starting nor from sending.
import { backoff, type BackoffOptions } from "../../backoff.ts";
import type { Broker } from "../../broker/broker.ts";
import type { Clock } from "../../clock.ts";
import type { Settings } from "../../config/settings.ts";
import { LovageError, messageOf } from "../../error.ts";
import type { EventStream } from "../../event.ts";
import type { ReceivedCommand } from "../../protocol/control.ts";
import { LamportClock } from "../../protocol/lamport.ts";
import { refused } from "../../remote/answer.ts";
import { silence } from "../../remote/command.ts";
import { EventDispatcher } from "../../remote/event-dispatcher.ts";
import { Heartbeat } from "../../remote/heartbeat.ts";
import { Mailbox } from "../../remote/mailbox.ts";
import { nodeName } from "../../remote/node-name.ts";
import type { Service } from "../../service.ts";
import { refusalOf } from "./commands.ts";
import { type NodePanel, nodeCommands } from "./node-commands.ts";
import type { BeatSteering } from "../steer/steering.ts";

export interface BeatNodeOptions {
  /** See {@link beatNodeName}. */
  readonly hostname: string;
  readonly steering: BeatSteering;
  readonly broker: Broker;
  readonly events: EventStream;
  readonly clock: Clock;
  readonly settings: Pick<Settings, "controlExchange" | "eventExchange" | "timezone">;
}

const retry: BackoffOptions = { firstMs: 500, mostMs: 30_000 };
/** Less often than a worker, for an idle beat should cost nothing. Each tells monitors when to miss the next. */
const heartbeatMs = 10_000;
/** The end of a beat takes no longer for it. */
const stopMs = 300;

/** By this our client finds beats, and workers know that they are not meant. */
const prefix = "beat";
/** Means every beat, and no worker: a shell pattern over node names. */
export const everyBeat: string = `${prefix}*@*`;

/**
 * The node name that `--hostname` asks for; `beat@host` where it says nothing.
 *
 * @throws LovageError("usage") when it does not begin with `beat`, or cannot be read
 */
export function beatNodeName(written: string | undefined): string {
  const name = nodeName(written, undefined, prefix);
  if (name.startsWith(prefix)) return name;
  const hint = `write ${prefix}-${name}: that is how a beat is told from a worker`;
  throw new LovageError("usage", `--hostname ${written}: a beat's name begins with ${prefix}`, { hint });
}

export class BeatNode implements Service {
  readonly #options: BeatNodeOptions;
  readonly #mailbox: Mailbox<NodePanel>;
  readonly #dispatcher: EventDispatcher;
  readonly #heartbeat: Heartbeat;
  readonly #stopping = new AbortController();
  #sent = 0;
  #unsubscribe: () => void = () => undefined;

  constructor(options: BeatNodeOptions) {
    this.#options = options;
    const { hostname, broker, clock, settings, steering, events } = options;
    const lamport = new LamportClock();
    const node = { hostname, broker, clock, lamport };
    this.#dispatcher = new EventDispatcher({
      ...node,
      exchange: settings.eventExchange,
      enabled: false,
      stopWithinMs: stopMs,
    });
    this.#heartbeat = new Heartbeat({
      events: this.#dispatcher,
      clock,
      load: () => ({ active: 0, processed: this.#sent }),
      intervalMs: heartbeatMs,
    });
    this.#mailbox = new Mailbox({
      ...node,
      namespace: settings.controlExchange,
      emit: events.emit,
      commands: nodeCommands,
      panel: { steering, hostname, clock, lamport, timezone: settings.timezone },
      answerUnknown: (received) => answerUnknown(received, hostname),
      answerFailure: refusalOf,
    });
  }

  /** Resolves at once: the broker is asked in the background, and again until it answers. */
  async start(): Promise<void> {
    this.#unsubscribe = this.#options.events.subscribe(({ type }) => {
      if (type === "occurrence-sent") this.#sent += 1;
    });
    void this.#join();
  }

  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort();
    this.#unsubscribe();
    const limit = new AbortController();
    await Promise.race([this.#leave(), this.#options.clock.sleep(stopMs, limit.signal)]);
    limit.abort();
  }

  async #leave(): Promise<void> {
    await this.#heartbeat.stop();
    await Promise.all([this.#dispatcher.stop(), this.#mailbox.stop()]);
  }

  async #join(): Promise<void> {
    const { clock, events } = this.#options;
    const { signal } = this.#stopping;
    let said: string | null = null;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        await this.#mailbox.start();
        if (!signal.aborted) await this.#heartbeat.start();
        return;
      } catch (error) {
        const reason = messageOf(error);
        if (reason !== said && !signal.aborted) events.emit({ type: "failure", where: "remote control", reason });
        said = reason;
        await clock.sleep(backoff(attempt, retry), signal);
      }
    }
  }
}

/** What monitors ask each node for by its name, and show as a list. */
const emptyAnswers: Readonly<Record<string, unknown>> = Object.freeze({
  active: [],
  reserved: [],
  revoked: [],
  registered: [],
  active_queues: [],
  conf: {},
});

/** What is said to all is for workers. */
function answerUnknown({ method, destination }: ReceivedCommand, hostname: string): unknown {
  if (destination?.includes(hostname) !== true) return silence;
  if (Object.hasOwn(emptyAnswers, method)) return emptyAnswers[method];
  return refused(`${hostname} is a beat and knows no ${method}: there are ${Object.keys(nodeCommands).join(", ")}`);
}
