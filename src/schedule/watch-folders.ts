// Asks the system to tell of changes in the folders that matter. Folders, because a watch on a file is lost when another is
// renamed over it, and all that happens to a file happens in its folder.
import { watch } from "node:fs";
import type { FSWatcher } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { basename, dirname, resolve, sep } from "node:path";
import { findScheduleFiles, isScheduleFileName } from "./files.ts";

/** The link through which Kubernetes swaps all files of a mounted ConfigMap at once. */
const CONFIG_MAP_LINK = "..data";

export interface FolderWatches {
  /** Watches what has come into being since, and forgets what is gone. */
  renew(): Promise<void>;
  close(): void;
}

interface Watched {
  /** A folder that is deleted and made again is another one, although it has the same name. */
  readonly inode: number;
  readonly watcher: FSWatcher;
}

export function watchFolders(
  paths: readonly string[],
  onEvent: () => void,
  onError: (error: unknown) => void,
): FolderWatches {
  const watched = new Map<string, Watched>();
  const names = new Set([CONFIG_MAP_LINK, ...paths.flatMap((path) => resolve(path).split(sep))]);
  // A beat-record that lies beside the schedules is written all the time; it must not set us off.
  const tell = (_event: string, name: string | null): void => {
    if (name === null || names.has(name) || isScheduleFileName(name)) onEvent();
  };
  const open = (folder: string, inode: number): void => {
    try {
      const watcher = watch(folder, { persistent: false }, tell).on("error", onError);
      watched.set(folder, { inode, watcher });
    } catch (error) {
      onError(error);
    }
  };
  const close = (folder: string): void => {
    watched.get(folder)?.watcher.close();
    watched.delete(folder);
  };
  return {
    renew: async () => {
      const wanted = await foldersOf(paths);
      for (const [folder, { inode }] of watched) if (wanted.get(folder) !== inode) close(folder);
      for (const [folder, inode] of wanted) if (!watched.has(folder)) open(folder, inode);
    },
    close: () => {
      for (const folder of watched.keys()) close(folder);
    },
  };
}

/** By path, with their inodes: the folders of the files, those that links lead to, and what tells when these come or go. */
async function foldersOf(paths: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const { files } = await findScheduleFiles(paths);
  const real = await Promise.all(files.map((file) => realpath(file).catch(() => file)));
  const folders = new Map<string, number>();
  for (const path of [...paths, ...real]) {
    const folder = await folderOf(resolve(path));
    const inode = await inodeOf(folder);
    if (inode !== null) folders.set(folder, inode);
    await addNearest(folders, dirname(folder));
  }
  return folders;
}

async function addNearest(folders: Map<string, number>, folder: string): Promise<void> {
  const inode = await inodeOf(folder);
  if (inode !== null) folders.set(folder, inode);
  else if (folder !== dirname(folder)) await addNearest(folders, dirname(folder));
}

async function inodeOf(folder: string): Promise<number | null> {
  const found = await stat(folder).catch(() => null);
  return found?.ino ?? null;
}

async function folderOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  const isFolder = found?.isDirectory() ?? !isScheduleFileName(basename(path));
  return isFolder ? path : dirname(path);
}
