// Text from the environment and the command line, as the kind of value its setting wants.
import { checkSetting, type SettingName } from "./settings.ts";

const truths: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["yes", true],
  ["on", true],
  ["1", true],
  ["false", false],
  ["no", false],
  ["off", false],
  ["0", false],
]);

/**
 * The first reading of the text that the setting accepts: nothing (`null`, `none`), JSON, the text as it stands, a
 * number, yes or no, a list with commas. The text itself when none fits, so that the check can say why.
 */
export function parseText(name: SettingName, text: string): unknown {
  const readings = readingsOf(text.trim(), isText(name, text));
  const fitting = readings.find((reading) => !("problems" in checkSetting(name, reading)));
  return fitting === undefined ? text : fitting;
}

/** Whether the setting keeps a text as it is; a list that accepts one word does not. */
function isText(name: SettingName, text: string): boolean {
  const checked = checkSetting(name, text);
  return "value" in checked && checked.value === text;
}

function readingsOf(text: string, plain: boolean): readonly unknown[] {
  const list = text.split(",").map((part) => part.trim());
  const readings = /^[[{]/.test(text) ? [json(text)] : [plain ? text : list];
  if (/^(null|none)$/i.test(text)) readings.unshift(null);
  if (/^-?\d+(\.\d+)?$/.test(text)) readings.push(Number(text));
  readings.push(truths.get(text.toLowerCase()), text);
  return readings.filter((reading) => reading !== undefined);
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
