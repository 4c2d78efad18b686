// What people do to a large schedule file while beat runs: the same entries again, with one or all of them edited.

/** How often each thing was edited. What it was edited to follows from that, so each edit differs from all before it. */
export interface Edition {
  readonly oneArgs: number;
  readonly oneSchedule: number;
  readonly allSchedules: number;
  readonly allNames: number;
  readonly mistakes: number;
  readonly hasMistake: boolean;
}

export interface Size {
  /** Entries that are due every ten seconds, on one instant. They are the same in all editions. */
  readonly due: number;
  /** Daily entries, none of which is due while we look. */
  readonly atRest: number;
}

export const burstEveryMs = 10_000;

export const firstEdition: Edition = {
  oneArgs: 0,
  oneSchedule: 0,
  allSchedules: 0,
  allNames: 0,
  mistakes: 0,
  hasMistake: false,
};

export const edits: Readonly<Record<string, (edition: Edition) => Edition>> = {
  "one entry's args": (edition) => ({ ...edition, oneArgs: edition.oneArgs + 1 }),
  "one schedule": (edition) => ({ ...edition, oneSchedule: edition.oneSchedule + 1 }),
  "all schedules": (edition) => ({ ...edition, allSchedules: edition.allSchedules + 1 }),
  "all names": (edition) => ({ ...edition, allNames: edition.allNames + 1 }),
  "a mistake in the last line": (edition) => ({ ...edition, mistakes: edition.mistakes + 1, hasMistake: true }),
};

/** Twelve hours from the start of this program: were it from now, an edition of the next hour would change all schedules. */
const restingHour = (new Date().getUTCHours() + 12) % 24;

/** The file as YAML. */
export function textOf(size: Size, edition: Edition): string {
  const lines = ["entries:"];
  for (let index = 0; index < size.due; index += 1) lines.push(dueLine(index));
  for (let index = 0; index < size.atRest; index += 1) lines.push(restingLine(index, edition));
  if (edition.hasMistake) lines.push(`  mistaken-${edition.mistakes}: {task: proj.add, schedule: "61 25 * * *"}`);
  return `${lines.join("\n")}\n`;
}

function dueLine(index: number): string {
  return `  due-${index}: {task: proj.add, schedule: "*/${burstEveryMs / 1000} * * * * *", args: [${index}, 2]}`;
}

function restingLine(index: number, { oneArgs, oneSchedule, allSchedules, allNames }: Edition): string {
  const minute = (index + allSchedules + (index === 1 ? oneSchedule : 0)) % 60;
  const args = `[${index}, ${index === 0 ? oneArgs : 2}]`;
  return `  resting-${allNames}-${index}: {task: proj.add, schedule: "${minute} ${restingHour} * * *", args: ${args}}`;
}
