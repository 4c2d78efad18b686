// Where the door of a beat-record is: a socket beside the file, or where its path is too long for one, in the temporary folder.
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, realpathSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LovageError } from "../../error.ts";

export interface DoorPlace {
  /** Of the socket, or on Windows the name of the pipe. */
  readonly path: string;
  /** The record itself, whatever link led to it. */
  readonly record: string;
  /** A folder of the door's own; null where it is beside the record, or needs none. */
  readonly folder: string | null;
}

/** Less than any system takes: macOS has 104 bytes with the one at the end. */
const longestPathBytes = 103;

/** Null where there is no file: a record in memory, or on a server, has no door. */
export function doorPlace(location: string): DoorPlace | null {
  const record = fileOf(location);
  if (record === null) return null;
  if (process.platform === "win32")
    return { path: String.raw`\\.\pipe\lovage-${nameOf(record)}`, record, folder: null };
  const beside = `${record}-socket`;
  if (Buffer.byteLength(beside) <= longestPathBytes) return { path: beside, record, folder: null };
  const folder = join(tmpdir(), `lovage-${nameOf(record)}`);
  return { path: join(folder, "socket"), record, folder };
}

/** Makes the folder, where the door has one. @throws LovageError when it is somebody else's, or open to others */
export function prepareFolder({ folder }: DoorPlace): void {
  if (folder === null) return;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { mode } = checkedFolder(folder, [process.getuid?.()]);
  if ((mode & 0o077) !== 0) throw new LovageError("store", `${folder} is open to other users`);
}

/** For who wants to speak to the beat and nobody else. @throws LovageError when the folder is a stranger's */
export function checkFolder({ folder, record }: DoorPlace): void {
  if (folder !== null) checkedFolder(folder, [process.getuid?.(), statSync(record).uid]);
}

function checkedFolder(folder: string, owners: readonly (number | undefined)[]): { readonly mode: number } {
  const found = lstatSync(folder);
  if (found.isDirectory() && owners.includes(found.uid)) return found;
  throw new LovageError("store", `${folder} is another user's`, { hint: "remove it, or set TMPDIR to another folder" });
}

function fileOf(location: string): string | null {
  try {
    const record = realpathSync(location);
    return statSync(record).isFile() ? record : null;
  } catch {
    return null;
  }
}

function nameOf(record: string): string {
  return createHash("sha256").update(record).digest("hex").slice(0, 16);
}
