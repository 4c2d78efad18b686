// Messages that differ in a few places only: what they have in common is written once, and filled in for each. Beat sends
// hundreds of thousands on one minute, and writing each from its fields takes four times as long.
import { randomUUID } from "node:crypto";
import type { Destination, Envelope, EnvelopeProperties } from "./envelope.ts";
import { encodeMessage } from "./kombu.ts";
import { quoteJson } from "./json-writer.ts";

/** What one message says in the blanks of its template. */
export interface Blanks {
  readonly id: string;
  /** The JSON text of the body. */
  readonly body: string;
  /** The values of the varying headers, in the order in which the template was given their names. */
  readonly varying: readonly string[];
  /** The property; null where the template has none. */
  readonly expiration: string | null;
}

/** Which blank a piece of the template is followed by: a number counts the varying headers. */
type Blank = "id" | "body" | "tag" | "expiration" | number;

export class MessageTemplate {
  readonly sample: Envelope;
  /** Names of headers. */
  readonly varying: readonly string[];
  readonly #pieces: readonly string[];
  readonly #blanks: readonly Blank[];

  /** @param varying headers, all of them texts, that differ from message to message, besides `id` and `root_id` */
  constructor(sample: Envelope, varying: readonly string[]) {
    this.sample = sample;
    this.varying = varying;
    const marks = new Map<string, Blank>();
    const mark = (blank: Blank): string => {
      const text = `${blank} ${randomUUID()}`;
      marks.set(blank === "body" ? Buffer.from(text).toString("base64") : text, blank);
      return text;
    };
    const text = encodeMessage(markedCopy(sample, varying, mark), mark("tag"));
    const [first = "", ...rest] = text.split(new RegExp(`("(?:${[...marks.keys()].join("|")})")`));
    this.#blanks = rest.filter((_, index) => index % 2 === 0).map((quoted) => marks.get(quoted.slice(1, -1)) ?? "tag");
    this.#pieces = [first, ...rest.filter((_, index) => index % 2 === 1)];
  }

  /** The text that `encodeMessage` would write of the whole envelope. */
  write(blanks: Blanks, deliveryTag: string): string {
    let text = this.#pieces[0] ?? "";
    for (let index = 0; index < this.#blanks.length; index += 1) {
      text += fill(this.#blanks[index] ?? "tag", blanks, deliveryTag) + (this.#pieces[index + 1] ?? "");
    }
    return text;
  }
}

/**
 * An envelope that writes itself by a template, and has its headers and properties made only for those who ask for them: a
 * hundred thousand of them are in memory at a time.
 */
export class TemplateEnvelope implements Envelope, Blanks {
  readonly id: string;
  readonly body: string;
  readonly varying: readonly string[];
  readonly expiration: string | null;
  readonly #template: MessageTemplate;
  #text: string | null = null;

  constructor(template: MessageTemplate, { id, body, varying, expiration }: Blanks) {
    this.id = id;
    this.body = body;
    this.varying = varying;
    this.expiration = expiration;
    this.#template = template;
  }

  get task(): string {
    return this.#template.sample.task;
  }

  get contentType(): string {
    return this.#template.sample.contentType;
  }

  get contentEncoding(): string {
    return this.#template.sample.contentEncoding;
  }

  get destination(): Destination {
    return this.#template.sample.destination;
  }

  get properties(): EnvelopeProperties {
    const { replyTo, deliveryMode, priority } = this.#template.sample.properties;
    const own = { correlationId: this.id, replyTo, deliveryMode, priority };
    return this.expiration === null ? own : { ...own, expiration: this.expiration };
  }

  get headers(): Readonly<Record<string, unknown>> {
    const { sample, varying } = this.#template;
    const own = Object.fromEntries(varying.map((name, index) => [name, this.varying[index]]));
    return { ...sample.headers, ...own, ...ids(sample.headers, sample.id, this.id) };
  }

  /** Writes it now, under a delivery tag of its own; `encode` then only hands it out. */
  prime(): void {
    this.#text ??= this.#template.write(this, randomUUID());
  }

  encode(deliveryTag: string): string {
    return this.#text ?? this.#template.write(this, deliveryTag);
  }
}

/** Has an envelope written ahead of its time, where it can be. */
export function prime(envelope: Envelope): void {
  if (envelope instanceof TemplateEnvelope) envelope.prime();
}

function fill(blank: Blank, { id, body, varying, expiration }: Blanks, deliveryTag: string): string {
  if (typeof blank === "number") return quoteJson(varying[blank] ?? "");
  if (blank === "id") return `"${id}"`;
  if (blank === "body") return `"${Buffer.from(body, "utf8").toString("base64")}"`;
  return blank === "tag" ? `"${deliveryTag}"` : `"${expiration ?? ""}"`;
}

function markedCopy(sample: Envelope, varying: readonly string[], mark: (blank: Blank) => string): Envelope {
  const id = mark("id");
  const own = Object.fromEntries(varying.map((name, index) => [name, mark(index)]));
  const { expiration } = sample.properties;
  const properties = { ...sample.properties, correlationId: id };
  return {
    ...sample,
    id,
    body: mark("body"),
    headers: { ...sample.headers, ...own, ...ids(sample.headers, sample.id, id) },
    properties: expiration === undefined ? properties : { ...properties, expiration: mark("expiration") },
  };
}

/** A task that nobody called is the root of what it calls. */
function ids(headers: Readonly<Record<string, unknown>>, sampleId: string, id: string): Record<string, unknown> {
  return headers["root_id"] === sampleId ? { id, root_id: id } : { id };
}
