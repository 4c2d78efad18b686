// The lines of a socket, one at a time: who sends faster than they are dealt with has to wait.
import type { Socket } from "node:net";
import { LovageError } from "../../error.ts";

const newline = 10;

/** Ends with the connection. @throws LovageError for a line that is too long */
export async function* readLines(socket: Socket, mostBytes: number): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let size = 0;
  // Who stops reading may still have something to say.
  const chunks = socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  for await (const chunk of chunks) {
    let rest = chunk;
    for (let end = rest.indexOf(newline); end !== -1; end = rest.indexOf(newline)) {
      checkSize(size + end, mostBytes);
      yield Buffer.concat([...parts, rest.subarray(0, end)]).toString("utf8");
      parts = [];
      size = 0;
      rest = rest.subarray(end + 1);
    }
    parts.push(rest);
    size += rest.length;
    checkSize(size, mostBytes);
  }
}

function checkSize(bytes: number, mostBytes: number): void {
  if (bytes > mostBytes) throw new LovageError("usage", `a line of more than ${mostBytes} bytes`);
}

/** Resolves when the system has taken it; what is wrong with the connection is seen where it is read. */
export function writeLine(socket: Socket, text: string): Promise<void> {
  return new Promise((resolve) => {
    socket.write(`${text}\n`, () => resolve());
  });
}
