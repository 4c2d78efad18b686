// Limits of tasks, changed while the worker runs: how often, and how long.
import { messageOf } from "../../error.ts";
import { ok, pythonError, refused } from "../../remote/answer.ts";
import { type Arguments, optionalNumber, textArgument } from "../../remote/arguments.ts";
import { type Commands, control, type Panel } from "./panel.ts";

export const limitCommands: Commands = Object.freeze({
  rate_limit: control(setRateLimit),
  time_limit: control(setTimeLimit),
});

function setRateLimit({ steering }: Panel, args: Arguments): unknown {
  const task = textArgument(args, "task_name");
  if (!steering.app.tasks.has(task)) return refused("unknown task");
  const given = args["rate_limit"];
  const rate = typeof given === "string" || typeof given === "number" ? given : null;
  try {
    steering.setRateLimit(task, rate === "" ? null : rate);
  } catch (error) {
    return refused(`Invalid rate limit string: ${pythonError("ValueError", messageOf(error))}`);
  }
  const isOff = rate === null || rate === "" || rate === 0;
  return ok(isOff ? "rate limit disabled successfully" : "new rate limit set successfully");
}

function setTimeLimit({ steering }: Panel, args: Arguments): unknown {
  const task = textArgument(args, "task_name");
  if (!steering.app.tasks.has(task)) return refused("unknown task");
  steering.setTimeLimit(task, optionalNumber(args, "hard"), optionalNumber(args, "soft"));
  return ok("time limits set successfully");
}
