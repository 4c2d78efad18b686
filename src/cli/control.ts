// `control`: steers workers, Python's and ours alike, and prints what they answer as Celery prints it.
import { writeJson } from "../protocol/json-writer.ts";
import { controlMethods, readArguments } from "./remote-methods.ts";
import { addressOptions, type RemoteOptions, tellNobody, withControl } from "./remote-options.ts";
import { formatReply } from "./remote-reply.ts";

/**
 * @returns the exit code: 69 when no worker answers
 * @throws LovageError("usage") for an unknown method or wrong arguments
 */
export async function controlCommand(method: string, args: readonly string[], options: RemoteOptions): Promise<number> {
  const given = readArguments(controlMethods, method, args);
  const address = addressOptions(options);
  return withControl(options, async (control) => {
    const print = (reply: Readonly<Record<string, unknown>>): void => {
      process.stdout.write(formatReply(reply, options.quiet));
    };
    const onReply = options.json === true ? undefined : print;
    const replies = await control.broadcast(method, given, { ...address, onReply, reply: true });
    if (replies.length === 0) return tellNobody();
    if (options.json === true) process.stdout.write(`${writeJson(replies)}\n`);
    return 0;
  });
}
