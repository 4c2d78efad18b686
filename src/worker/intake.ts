// The door: looks at each message once, turns away what nobody here can run or nobody wants any more, and lets the rest in.
import { didYouMean, LovageError, messageOf } from "../error.ts";
import type { Delivery, Unreadable } from "../broker/consumer.ts";
import { bodyText } from "../protocol/body.ts";
import type { Discards } from "./discards.ts";
import { Request } from "./request.ts";
import { receivedFields } from "./task-fields.ts";
import type { Workshop } from "./workshop.ts";
import { signals } from "../app/worker-signals.ts";

export interface IntakeOptions {
  readonly shop: Workshop;
  readonly discards: Discards;
  /** Gets what is to be run, when its turn comes. */
  readonly admit: (request: Request) => void;
}

export class Intake {
  readonly #shop: Workshop;
  readonly #discards: Discards;
  readonly #admit: (request: Request) => void;
  readonly #timezone: string;

  constructor({ shop, discards, admit }: IntakeOptions) {
    this.#shop = shop;
    this.#discards = discards;
    this.#admit = admit;
    this.#timezone = shop.app.conf.timezone;
  }

  readonly take = (delivery: Delivery): void => {
    const request = this.#read(delivery);
    if (request === null) return;
    const { app, revoked, clock } = this.#shop;
    if (!app.tasks.has(request.name)) {
      this.#refuseUnknown(request);
      return;
    }
    this.#announce(request);
    if (revoked.has(request.id)) this.#discards.discard(request, "revoked");
    else if (request.isExpired(clock.now())) this.#discards.discard(request, "expired");
    else this.#admit(request);
  };

  readonly refuse = ({ queue, bytes, reason }: Unreadable): void => {
    this.#shop.emit({ type: "message-refused", queue, bytes, id: "", reason });
  };

  #read(delivery: Delivery): Request | null {
    const { envelope, queue } = delivery;
    try {
      if (envelope.task === "" || envelope.id === "") throw namesNoTask();
      const request = new Request(delivery, this.#shop.clock.now(), this.#timezone);
      // Content of a kind that we do not speak is turned away here, before anything is said to have been received.
      request.body = bodyText(envelope);
      return request;
    } catch (error) {
      const reason = messageOf(error);
      this.#shop.emit({ type: "message-refused", queue, bytes: sizeOf(delivery), id: envelope.id, reason });
      void delivery.reject(false).catch(() => undefined);
      return null;
    }
  }

  #refuseUnknown(request: Request): void {
    const { app, emit, hostname } = this.#shop;
    const { delivery, name, id } = request;
    const near = didYouMean(name, app.tasks.keys());
    emit({ type: "task-unknown", task: name, id, queue: delivery.queue, bytes: sizeOf(delivery), near });
    void signals.taskUnknown.send({ sender: hostname, name, id, message: delivery.envelope });
    this.#discards.notRegistered(request);
  }

  #announce(request: Request): void {
    const { emit, events, hostname } = this.#shop;
    emit({ type: "task-received", task: request.shownName, id: request.id, etaAt: request.etaAt });
    if (events.enabled) events.send("task-received", receivedFields(request));
    if (signals.taskReceived.isConnected) void signals.taskReceived.send({ sender: hostname, request });
  }
}

function namesNoTask(): LovageError {
  return new LovageError("config", "its headers name no task: set task_protocol = 2 in the app that sent it");
}

function sizeOf({ envelope: { body } }: Delivery): number {
  return typeof body === "string" ? Buffer.byteLength(body) : body.byteLength;
}
