// What a user would read of his mistakes: one line each.
import { ConfigError, formatProblem } from "../../src/error.ts";

/** None when nothing was thrown; anything but a ConfigError goes on. */
export function mistakes(act: () => unknown): readonly string[] {
  try {
    act();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem);
    throw error;
  }
  return [];
}
