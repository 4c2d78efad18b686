// `beat check`: everything that starting would check, without starting.
import { shortPath, openProject } from "./open.ts";
import type { ScheduleOptions } from "./options.ts";

export async function checkCommand(options: ScheduleOptions): Promise<number> {
  const { entries, files, app, file } = await openProject(options);
  const from = file === undefined ? "" : ` and ${shortPath(file)}`;
  const off = entries.filter((entry) => !entry.enabled).length;
  const count = `${entries.length} ${entries.length === 1 ? "entry" : "entries"}`;
  const disabled = off === 0 ? "" : `, ${off} not enabled`;
  process.stdout.write(
    `ok: ${count}${disabled} in ${files.length} schedule file(s)${from}; zone ${app.conf.timezone}\n`,
  );
  return 0;
}
