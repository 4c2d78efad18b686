// The modules that `imports` and `include` name: loaded when a command starts, for the tasks and handlers in them.
import { importModule, locateModule } from "../config/module.ts";
import { ConfigError, type Problem } from "../error.ts";

/**
 * Loads the modules in order, each once; a name is looked for in each folder in turn.
 *
 * @throws ConfigError with all that are missing, before any is loaded; or with the first that throws
 */
export async function loadModules(names: readonly string[], folders: readonly string[]): Promise<void> {
  const problems: Problem[] = [];
  const files = names.flatMap((name) => {
    const located = locateModule(name, folders);
    if ("file" in located) return [located.file];
    const near = located.near === null ? "" : `did you mean ${located.near}? `;
    problems.push({ message: `include: module ${name} not found`, hint: `${near}tried ${located.tried.join(", ")}` });
    return [];
  });
  if (problems.length > 0) throw new ConfigError(problems);
  for (const file of new Set(files)) await importModule(file);
}
