// `beat check`: everything that starting would check, without starting.
import { openBroker } from "../broker/open.ts";
import { openProject, publishUrl, shortPath } from "./open.ts";
import type { ScheduleOptions } from "./options.ts";

export async function checkCommand(options: ScheduleOptions): Promise<number> {
  const project = await openProject(options);
  const { entries, files, app, file } = project;
  await checkBroker(publishUrl(project));
  const from = file === undefined ? "" : ` and ${shortPath(file)}`;
  const off = entries.filter((entry) => !entry.enabled).length;
  const count = `${entries.length} ${entries.length === 1 ? "entry" : "entries"}`;
  const disabled = off === 0 ? "" : `, ${off} not enabled`;
  process.stdout.write(
    `ok: ${count}${disabled} in ${files.length} schedule file(s)${from}; zone ${app.conf.timezone}\n`,
  );
  return 0;
}

/** Its URL, without a connection; an embedded broker's file is not made for a check. */
async function checkBroker(url: string): Promise<void> {
  if (!url.startsWith("sqlite:")) await (await openBroker(url)).close();
}
