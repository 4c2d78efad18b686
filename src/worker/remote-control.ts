// The worker's mailbox: hears commands, obeys those meant for it, and answers; no command can harm the worker.
import type { Broker } from "../broker/broker.ts";
import type { Listener } from "../broker/consumer.ts";
import type { Clock } from "../clock.ts";
import { LovageError, messageOf } from "../error.ts";
import type { Emit } from "../event.ts";
import { answerEnvelope, controlExchange, isMeantFor, type ReceivedCommand, readCommand } from "../protocol/control.ts";
import type { Envelope } from "../protocol/envelope.ts";
import type { LamportClock } from "../protocol/lamport.ts";
import { reprCall } from "../protocol/repr.ts";
import type { Service } from "../service.ts";
import { pythonError, refused } from "./control/answer.ts";
import { commands } from "./control/commands.ts";
import type { Command, ControlSettings, Panel } from "./control/panel.ts";
import type { EventSink } from "./event-sink.ts";
import type { Steering } from "./steering.ts";

export interface RemoteControlOptions {
  readonly steering: Steering;
  readonly broker: Broker;
  readonly events: EventSink;
  readonly emit: Emit;
  readonly clock: Clock;
  /** The same as the event dispatcher's. */
  readonly lamport: LamportClock;
  readonly settings: ControlSettings;
}

/** So far the clocks of two hosts may differ: a command counts as stale only when it is older than that. */
const clockDifferenceMs = 60_000;
const shownCharacters = 200;

export class RemoteControl implements Service {
  readonly #options: RemoteControlOptions;
  readonly #panel: Panel;
  #listener: Promise<Listener> | undefined;
  /** Commands that change something, one after the other. */
  #changes: Promise<unknown> = Promise.resolve();
  readonly #running = new Set<Promise<void>>();

  constructor(options: RemoteControlOptions) {
    this.#options = options;
    const onFailure = (error: unknown): void => this.#report(error);
    const { steering, broker, events, clock, lamport, settings } = options;
    this.#panel = Object.freeze({ steering, broker, events, clock, lamport, settings, onFailure });
  }

  /** @throws LovageError when the broker refuses */
  async start(): Promise<void> {
    const { broker, settings } = this.#options;
    this.#listener ??= broker.listen(controlExchange(settings.controlExchange), (envelope) => this.#hear(envelope));
    await this.#listener;
  }

  /** What is being answered is answered first. */
  async stop(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    try {
      await (await listener)?.close();
    } catch (error) {
      this.#report(error);
    }
    await Promise.all(this.#running);
  }

  #hear(envelope: Envelope): void {
    const { lamport, steering } = this.#options;
    lamport.forward();
    try {
      const command = readCommand(envelope);
      lamport.adjust(command.clock);
      if (this.#isStale(command) || !isMeantFor(steering.hostname, command)) return;
      const running = this.#obey(command);
      this.#running.add(running);
      void running.finally(() => this.#running.delete(running));
    } catch (error) {
      this.#report(error);
    }
  }

  #isStale({ expiresAt }: ReceivedCommand): boolean {
    return expiresAt !== null && this.#options.clock.now() > expiresAt + clockDifferenceMs;
  }

  /** Never rejects. */
  async #obey(received: ReceivedCommand): Promise<void> {
    const command = Object.hasOwn(commands, received.method) ? commands[received.method] : undefined;
    const answer = await this.#run(command, received);
    if (command?.kind === "control") this.#tell(received, answer);
    if (received.reply !== null) await this.#answer(received.reply, answer);
  }

  async #run(command: Command | undefined, received: ReceivedCommand): Promise<unknown> {
    if (command === undefined) return refused(pythonError("KeyError", received.method));
    const run = async (): Promise<unknown> => {
      try {
        return await command.run(this.#panel, received.arguments);
      } catch (error) {
        return refused(reasonOf(error));
      }
    };
    if (command.kind === "inspect") return run();
    const change = this.#changes.then(run);
    this.#changes = change;
    return change;
  }

  async #answer({ ticket, to }: NonNullable<ReceivedCommand["reply"]>, content: unknown): Promise<void> {
    const { broker, lamport, steering } = this.#options;
    const answer = { ticket, to, hostname: steering.hostname, clock: lamport.forward() };
    try {
      await broker.publish([answerEnvelope({ ...answer, content: content ?? null })]);
    } catch {
      // Whoever asked has gone, or the broker is away; then there is nobody to tell.
      return;
    }
  }

  #tell({ method, arguments: args }: ReceivedCommand, answer: unknown): void {
    const call = reprCall(method, [], args);
    const shown = call.length > shownCharacters ? `${call.slice(0, shownCharacters)}...` : call;
    this.#options.emit({ type: "control-received", command: shown, outcome: outcomeOf(answer) });
  }

  #report(error: unknown): void {
    this.#options.emit({ type: "failure", where: "control", reason: reasonOf(error) });
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof LovageError) || error.hint === undefined) return messageOf(error);
  return `${error.message} (${error.hint})`;
}

function outcomeOf(answer: unknown): string {
  const { ok, error } = (answer ?? {}) as { readonly ok?: unknown; readonly error?: unknown };
  const text = ok ?? error;
  return typeof text === "string" ? text : "done";
}
