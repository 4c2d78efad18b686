// Decides what may be read as a schedule file: a regular file, for anything else could block for ever, whose bytes are UTF-8.
import type { Stats } from "node:fs";
import type { Problem } from "../error.ts";
import { ConfigError } from "../error.ts";

/** @throws ConfigError for a pipe, a socket or a device, which must not even be opened. */
export function assertRegularFile(stats: Pick<Stats, "isFile">, file: string): void {
  if (stats.isFile()) return;
  throw new ConfigError([{ file, message: "is not a regular file", hint: "name a file or a folder of files" }]);
}

/**
 * The text without its byte order mark.
 *
 * @throws ConfigError where the bytes are not UTF-8, naming the first line that is not.
 */
export function decodeText(bytes: Uint8Array, file: string): string {
  const text = decode(bytes);
  if (text !== null) return text;
  throw new ConfigError([notUtf8(bytes, file)]);
}

function notUtf8(bytes: Uint8Array, file: string): Problem {
  const hint = "save it as UTF-8";
  const [first, second] = bytes;
  const isUtf16 = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  if (isUtf16) return { file, message: "is UTF-16, not UTF-8 text", hint };
  return { file, line: firstBadLine(bytes), message: "is not UTF-8 text", hint };
}

/** No byte of a longer character is a line feed, so that lines can be told apart before they are decoded. */
function firstBadLine(bytes: Uint8Array): number {
  let line = 1;
  let start = 0;
  for (;;) {
    const end = bytes.indexOf(0x0a, start);
    if (end === -1 || decode(bytes.subarray(start, end)) === null) return line;
    start = end + 1;
    line += 1;
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true });

function decode(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}
