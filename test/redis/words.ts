import { type ErrorDetails, LovageError } from "../../src/error.ts";
import type { RedisWords } from "../../src/redis/words.ts";

export class NeverError extends LovageError {
  constructor(message: string, details: ErrorDetails) {
    super("broker", message, details);
  }
}

/** Words that nobody else has, so that a test sees where they come from. */
export const words = Object.freeze<RedisWords>({
  code: "broker",
  name: "queue",
  server: "the queue",
  setting: "queueUrl",
  elsewhere: "take another",
  example: "redis://:password@host/7",
  memory: "give it more",
  permissions: "the user needs everything",
  unanswered: "who knows",
  refusal: (message, details) => new NeverError(message, details),
});

export function errorOf(attempt: () => unknown): unknown {
  try {
    attempt();
  } catch (error) {
    return error;
  }
  return undefined;
}
