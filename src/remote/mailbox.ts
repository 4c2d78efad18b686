// A node's mailbox: hears commands, obeys those meant for it, and answers; no command can harm the node.
import type { Broker } from "../broker/broker.ts";
import type { Listener } from "../broker/consumer.ts";
import type { Clock } from "../clock.ts";
import type { Emit } from "../event.ts";
import { answerEnvelope, controlExchange, isMeantFor, type ReceivedCommand, readCommand } from "../protocol/control.ts";
import type { Envelope } from "../protocol/envelope.ts";
import type { LamportClock } from "../protocol/lamport.ts";
import { reprCall } from "../protocol/repr.ts";
import type { Service } from "../service.ts";
import { reasonOf } from "./answer.ts";
import { type Command, type Commands, silence } from "./command.ts";

export interface MailboxOptions<Panel> {
  /** The node name: `celery@host`. */
  readonly hostname: string;
  /** The setting `controlExchange`. */
  readonly namespace: string;
  readonly broker: Broker;
  readonly emit: Emit;
  readonly clock: Clock;
  /** The same as the event dispatcher's. */
  readonly lamport: LamportClock;
  readonly commands: Commands<Panel>;
  readonly panel: Panel;
  /** The answer to a command that is not in the table; `silence` passes it over. */
  readonly answerUnknown: (received: ReceivedCommand) => unknown;
  /** The answer of a command that threw. */
  readonly answerFailure: (error: unknown) => unknown;
}

/** So far the clocks of two hosts may differ: a command counts as stale only when it is older than that. */
const clockDifferenceMs = 60_000;
const shownCharacters = 200;

export class Mailbox<Panel> implements Service {
  readonly #options: MailboxOptions<Panel>;
  #listener: Promise<Listener> | undefined;
  /** Commands that change something, one after the other. */
  #changes: Promise<unknown> = Promise.resolve();
  readonly #running = new Set<Promise<void>>();

  constructor(options: MailboxOptions<Panel>) {
    this.#options = options;
  }

  /** @throws LovageError when the broker is away or refuses; it may be started again then */
  async start(): Promise<void> {
    const { broker, namespace } = this.#options;
    this.#listener ??= broker.listen(controlExchange(namespace), (envelope) => this.#hear(envelope));
    try {
      await this.#listener;
    } catch (error) {
      this.#listener = undefined;
      throw error;
    }
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
    const { lamport, hostname } = this.#options;
    lamport.forward();
    try {
      const command = readCommand(envelope);
      lamport.adjust(command.clock);
      if (this.#isStale(command) || !isMeantFor(hostname, command)) return;
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
    const { commands } = this.#options;
    const command = Object.hasOwn(commands, received.method) ? commands[received.method] : undefined;
    const answer = await this.#run(command, received);
    if (answer === silence) return;
    if (command?.kind === "control") this.#tell(received, answer);
    if (received.reply !== null) await this.#answer(received.reply, answer);
  }

  async #run(command: Command<Panel> | undefined, received: ReceivedCommand): Promise<unknown> {
    const { panel, answerUnknown, answerFailure } = this.#options;
    if (command === undefined) return answerUnknown(received);
    const run = async (): Promise<unknown> => {
      try {
        return await command.run(panel, received.arguments);
      } catch (error) {
        return answerFailure(error);
      }
    };
    if (command.kind === "inspect") return run();
    const change = this.#changes.then(run);
    this.#changes = change;
    return change;
  }

  async #answer({ ticket, to }: NonNullable<ReceivedCommand["reply"]>, content: unknown): Promise<void> {
    const { broker, lamport, hostname } = this.#options;
    const answer = { ticket, to, hostname, clock: lamport.forward() };
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

function outcomeOf(answer: unknown): string {
  const { ok, error } = (answer ?? {}) as { readonly ok?: unknown; readonly error?: unknown };
  const text = ok ?? error;
  return typeof text === "string" ? text : "done";
}
