// All commands by the names that Celery calls them by.
import { limitCommands } from "./limit-commands.ts";
import type { Commands } from "./panel.ts";
import { poolCommands } from "./pool-commands.ts";
import { queueCommands } from "./queue-commands.ts";
import { revokeCommands } from "./revoke-commands.ts";
import { taskCommands } from "./task-commands.ts";
import { workerCommands } from "./worker-commands.ts";

export const commands: Commands = Object.freeze({
  ...workerCommands,
  ...taskCommands,
  ...revokeCommands,
  ...limitCommands,
  ...poolCommands,
  ...queueCommands,
});
