// The body of a task message, there and back: `[args, kwargs, {callbacks, errbacks, chain, chord}]`.
import { LovageError } from "../error.ts";
import type { Envelope } from "./envelope.ts";
import { readJson } from "./json-reader.ts";
import { writeJson } from "./json-writer.ts";
import { contentText, decompress } from "./serializer.ts";
import { signatureJson, signatureList } from "./signature-json.ts";
import type { SignatureJson } from "./signature-json.ts";
import type { TaskOptions } from "./task-options.ts";

/** What follows an outcome. */
export interface Embed {
  readonly callbacks: readonly SignatureJson[] | null;
  readonly errbacks: readonly SignatureJson[] | null;
  /** The rest of the chain in reverse: the next task is the last. */
  readonly chain: readonly SignatureJson[] | null;
  readonly chord: SignatureJson | null;
}

export interface TaskBody {
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly embed: Embed;
}

const NOTHING_FOLLOWS = '{"callbacks": null, "errbacks": null, "chain": null, "chord": null}';

/** The JSON text of a call's body. Errors name the argument: `args[1].callback is a function`. */
export function writeBody(
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
  options: TaskOptions,
): string {
  return `[${writeJson(args, "args")}, ${writeJson(kwargs, "kwargs")}, ${writeEmbed(options)}]`;
}

function writeEmbed({ link, linkError, chain, chord }: TaskOptions): string {
  if (link === undefined && linkError === undefined && chain === undefined && chord === undefined) {
    return NOTHING_FOLLOWS;
  }
  const embed: Embed = {
    callbacks: signatureList(link, "link"),
    errbacks: signatureList(linkError, "linkError"),
    chain: signatureList(chain, "chain"),
    chord: chord === undefined ? null : signatureJson(chord, "chord"),
  };
  return writeJson(embed, "embed");
}

/**
 * The arguments in a message, and what is to follow its outcome.
 *
 * @throws {LovageError} when the body is not JSON, or not a protocol 2 body
 */
export function readBody(envelope: Envelope): TaskBody {
  return readBodyText(bodyText(envelope), envelope.id);
}

/**
 * The same from the JSON text of a body.
 *
 * @param id of its message, for the error
 * @throws {LovageError} when the text is not JSON, or not a protocol 2 body
 */
export function readBodyText(text: string, id: string): TaskBody {
  const parts = readJson(text);
  if (!Array.isArray(parts) || parts.length !== 3) throw badBody(id, "should be [args, kwargs, embed]");
  const [args, kwargs, embed] = parts as readonly unknown[];
  if (!Array.isArray(args)) throw badBody(id, "has args that are no list");
  if (!isRecord(kwargs)) throw badBody(id, "has kwargs that are no mapping");
  return { args: args as readonly unknown[], kwargs, embed: readEmbed(isRecord(embed) ? embed : {}) };
}

/**
 * The JSON text of a message's body, unpacked where it is compressed, and not yet read.
 *
 * @throws {LovageError} when the content is not JSON by its name, or cannot be unpacked
 */
export function bodyText(envelope: Envelope): string {
  const { contentType, contentEncoding } = envelope;
  return contentText({ contentType, contentEncoding, body: plainBody(envelope) });
}

function plainBody({ body, headers }: Envelope): string | Uint8Array {
  const compression = headers["compression"];
  if (typeof compression !== "string" || typeof body === "string") return body;
  return decompress(body, compression);
}

function readEmbed(embed: Readonly<Record<string, unknown>>): Embed {
  const chord = embed["chord"] ?? null;
  return {
    callbacks: signatureList(embed["callbacks"], "callbacks"),
    errbacks: signatureList(embed["errbacks"], "errbacks"),
    chain: signatureList(embed["chain"], "chain"),
    chord: chord === null ? null : signatureJson(chord, "chord"),
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function badBody(id: string, problem: string): LovageError {
  return new LovageError("config", `the body of message ${id} ${problem}`, {
    hint: "it should be a Celery protocol 2 message: set task_protocol = 2 in the app that sent it",
  });
}
