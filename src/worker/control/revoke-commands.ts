// Taking tasks back: not to be started any more, and with `terminate` ended while they run.
import { constants } from "node:os";
import { LovageError } from "../../error.ts";
import { ok, refused } from "../../remote/answer.ts";
import { type Arguments, optionalText, textsArgument } from "../../remote/arguments.ts";
import { type Commands, control, type Panel } from "./panel.ts";

export const revokeCommands: Commands = Object.freeze({
  revoke: control((panel, args) => revoke(panel, args, args["terminate"] === true)),
  terminate: control((panel, args) => revoke(panel, args, true)),
  revoke_by_stamped_headers: control(() =>
    refused("revoke_by_stamped_headers is not supported here: revoke by task id"),
  ),
});

function revoke({ steering }: Panel, args: Arguments, terminate: boolean): unknown {
  const ids = textsArgument(args, "task_id");
  if (!terminate) {
    steering.revoke(ids);
    return ok(`tasks ${ids.join(", ")} flagged as revoked`);
  }
  const ended = steering.revoke(ids, { terminate, signal: signalArgument(args) });
  return ok(`terminate: ${ended.length === 0 ? "tasks unknown" : ended.join(", ")}`);
}

/** `KILL`, `SIGKILL` or `9`; SIGTERM when it is left out. */
function signalArgument(args: Arguments): NodeJS.Signals {
  const given = args["signal"];
  const written = typeof given === "number" ? String(given) : (optionalText(args, "signal") ?? "SIGTERM");
  const name = written.toUpperCase();
  for (const [signal, number] of Object.entries(constants.signals)) {
    if (signal === name || signal === `SIG${name}` || String(number) === name) return signal as NodeJS.Signals;
  }
  throw new LovageError("usage", `no signal ${written}`, { hint: "write a name such as SIGTERM or KILL" });
}
