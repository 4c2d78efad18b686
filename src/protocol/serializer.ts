// Content by name, as kombu has it: JSON is spoken, every other serializer is refused by name; bodies may be compressed.
import { deflateSync, inflateSync } from "node:zlib";
import { LovageError, didYouMean } from "../error.ts";
import { readJson } from "./json-reader.ts";
import { writeJson } from "./json-writer.ts";

export interface Content {
  readonly body: string | Uint8Array;
  readonly contentType: string;
  readonly contentEncoding: string;
}

const JSON_TYPE = "application/json";

const REFUSED_TYPES: Readonly<Record<string, string>> = Object.freeze({
  "application/x-python-serialize": "pickle",
  "application/x-yaml": "yaml",
  "application/x-msgpack": "msgpack",
  "application/data": "raw",
  "text/plain": "text",
});

/**
 * @param serializer `json` or `application/json`
 * @param name what to call the value in an error
 * @throws {LovageError} when the value is not data (see `writeJson`), or the serializer is not JSON
 */
export function serialize(value: unknown, serializer = "json", name = "value"): Content {
  checkSerializer(serializer);
  return { body: writeJson(value, name), contentType: JSON_TYPE, contentEncoding: "utf-8" };
}

export function checkSerializer(serializer: string): void {
  if (serializer === "json" || serializer === JSON_TYPE) return;
  const refused = REFUSED_TYPES[serializer] ?? serializer;
  const known = Object.values(REFUSED_TYPES).includes(refused);
  throw new LovageError("config", known ? `serializer ${refused} is not spoken here` : `no serializer ${refused}`, {
    hint: "write json",
  });
}

/** @throws {LovageError} when the content is not JSON, by its name or in fact */
export function deserialize(content: Content): unknown {
  return readJson(contentText(content));
}

/** @throws {LovageError} when the content is not JSON by its name */
export function contentText(content: Content): string {
  if (content.contentType !== JSON_TYPE) {
    const name = REFUSED_TYPES[content.contentType];
    throw new LovageError("config", `refused content of type ${content.contentType}${name ? ` (${name})` : ""}`, {
      hint: 'only JSON is accepted: set task_serializer = "json" in the app that sent it',
    });
  }
  return textOf(content);
}

function textOf({ body, contentEncoding }: Content): string {
  if (typeof body === "string") return body;
  if (!/^(utf-?8|us-ascii|ascii)$/i.test(contentEncoding)) {
    throw new LovageError("config", `refused content in ${contentEncoding}`, { hint: "JSON is sent in utf-8" });
  }
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
}

/** kombu's name for it says gzip, but what Celery puts there is a zlib stream. */
const ZLIB_TYPE = "application/x-gzip";

const COMPRESSIONS: Readonly<Record<string, string>> = Object.freeze({
  gzip: ZLIB_TYPE,
  zlib: ZLIB_TYPE,
  [ZLIB_TYPE]: ZLIB_TYPE,
});

const REFUSED_COMPRESSION = /^(?:application\/(?:x-)?)?(bz2|bzip2|bzip|brotli|lzma|xz|zstd|zstandard)$/;

/**
 * The compressed body, and the value of the `compression` header that goes with it.
 *
 * @param compression `gzip` or `zlib`, which are one and the same in Celery
 */
export function compress(body: string | Uint8Array, compression: string): { body: Uint8Array; header: string } {
  return { body: new Uint8Array(deflateSync(body)), header: compressionHeader(compression) };
}

/** The value of the `compression` header for a compression by name. */
export function compressionHeader(compression: string): string {
  const header = COMPRESSIONS[compression];
  if (header !== undefined) return header;
  if (REFUSED_COMPRESSION.test(compression)) {
    throw new LovageError("config", `compression ${compression} is not spoken here`, { hint: "write gzip" });
  }
  const guess = didYouMean(compression, ["gzip", "zlib"]);
  throw new LovageError("config", `no compression ${compression}`, {
    hint: guess ? `did you mean ${guess}?` : "write gzip",
  });
}

/** @param compression the `compression` header of the message */
export function decompress(body: Uint8Array, compression: string): Uint8Array {
  compressionHeader(compression);
  try {
    return new Uint8Array(inflateSync(body));
  } catch (error) {
    throw new LovageError("config", `the body is not ${compression} data`, { cause: error });
  }
}
