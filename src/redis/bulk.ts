// Long commands, written once into one buffer. ioredis measures, joins and encodes each argument on its own, which for
// some hundred messages takes longer than making them.
import { Command, type Redis } from "ioredis";

/** A command whose bytes are made already. */
export class EncodedCommand extends Command {
  readonly #bytes: Buffer;

  constructor(name: string, bytes: Buffer) {
    super(name, [], { replyEncoding: "utf8" });
    this.#bytes = bytes;
  }

  override toWritable(): Buffer {
    return this.#bytes;
  }
}

export async function sendBulk(client: Redis, name: string, args: readonly string[]): Promise<unknown> {
  return client.sendCommand(new EncodedCommand(name, encodeCommand([name, ...args])));
}

// Below this, joining strings is cheaper than one more call into the buffer.
const shortLength = 200;

/** As RESP has it: `*count`, then for each part `$bytes`, the part. */
export function encodeCommand(parts: readonly string[]): Buffer {
  const lengths = parts.map((part) => Buffer.byteLength(part));
  // No header is longer than these: `$`, ten digits, two line ends.
  const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + length + 15, 15));
  let offset = 0;
  let pending = `*${parts.length}\r\n`;
  for (const [index, part] of parts.entries()) {
    pending += `$${lengths[index]}\r\n`;
    if (part.length > shortLength) {
      offset += bytes.write(pending, offset);
      offset += bytes.write(part, offset);
      pending = "\r\n";
    } else {
      pending += `${part}\r\n`;
    }
  }
  offset += bytes.write(pending, offset);
  return bytes.subarray(0, offset);
}
