// `inspect`: asks workers, Python's and ours alike, and prints what they answer as Celery prints it.
import { writeJson } from "../protocol/json-writer.ts";
import { inspectMethods, readArguments } from "./remote-methods.ts";
import { addressOptions, type RemoteOptions, tellNobody, withControl } from "./remote-options.ts";
import { formatReply } from "./remote-reply.ts";

/**
 * @returns the exit code: 69 when no worker answers
 * @throws LovageError("usage") for an unknown method or wrong arguments
 */
export async function inspectCommand(method: string, args: readonly string[], options: RemoteOptions): Promise<number> {
  const given = readArguments(inspectMethods, method, args);
  const address = addressOptions(options);
  return withControl(options, async (control) => {
    const print = (reply: Readonly<Record<string, unknown>>): void => {
      process.stdout.write(formatReply(reply, options.quiet));
    };
    const onReply = options.json === true ? undefined : print;
    const replies = await control.inspect({ ...address, onReply }).request(method, given);
    const count = Object.keys(replies).length;
    if (count === 0) return tellNobody();
    if (options.json === true) process.stdout.write(`${writeJson(replies)}\n`);
    else if (options.quiet !== true) process.stdout.write(`\n${count} node${count === 1 ? "" : "s"} online.\n`);
    return 0;
  });
}
