import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import { mkdir, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { watchSchedules } from "../../src/schedule/watch.ts";
import type { WatchOptions } from "../../src/schedule/watch.ts";
import type { TemporaryFolder } from "../helper/temporary-folder.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";

interface Watching extends AsyncDisposable {
  readonly calls: number;
  /** Does something to the files and waits until it was noticed. */
  notices(act: () => Promise<unknown>): Promise<void>;
}

async function watching(path: string, options: WatchOptions = {}): Promise<Watching> {
  let calls = 0;
  let notice = (): void => undefined;
  const service = await watchSchedules(
    [path],
    () => {
      calls += 1;
      notice();
    },
    { debounceMs: 20, ...options },
  );
  return {
    get calls() {
      return calls;
    },
    notices: async (act) => {
      const noticed = new Promise<void>((resolve) => {
        notice = resolve;
      });
      await act();
      await noticed;
    },
    [Symbol.asyncDispose]: () => service.stop(),
  };
}

async function replace(folder: TemporaryFolder, name: string, text: string): Promise<void> {
  await writeFile(folder.file("editing.tmp"), text);
  await rename(folder.file("editing.tmp"), folder.file(name));
}

/** One update of a ConfigMap volume: a new folder with a new time in its name, and the link moved to it in one step. */
async function swapConfigMap(folder: TemporaryFolder, version: number, text: string): Promise<void> {
  await mkdir(folder.file(`..v${version}`));
  await writeFile(folder.file(`..v${version}/jobs.yaml`), text);
  await symlink(`..v${version}`, folder.file("..data_tmp"));
  await rename(folder.file("..data_tmp"), folder.file("..data"));
  await rm(folder.file(`..v${version - 1}`), { recursive: true, force: true });
}

describe.each([
  ["a folder", ""],
  ["a file", "jobs.yaml"],
])("watching %s", (_, watched) => {
  it("notices writing in place, renaming over, deleting and making again, time after time", async () => {
    await using folder = temporaryFolder();
    await writeFile(folder.file("jobs.yaml"), "1");
    await using files = await watching(folder.file(watched));
    await files.notices(() => writeFile(folder.file("jobs.yaml"), "2"));
    await files.notices(() => replace(folder, "jobs.yaml", "3"));
    await files.notices(() => replace(folder, "jobs.yaml", "4"));
    await files.notices(() => writeFile(folder.file("jobs.yaml"), "5"));
    await files.notices(() => rm(folder.file("jobs.yaml")));
    await files.notices(() => writeFile(folder.file("jobs.yaml"), "6"));
    await files.notices(() => writeFile(folder.file("jobs.yaml"), "7"));
    expect(files.calls).toBe(7);
  });

  it("notices every swap of a Kubernetes ConfigMap", async () => {
    await using folder = temporaryFolder();
    await swapConfigMap(folder, 1, "1");
    await symlink("..data/jobs.yaml", folder.file("jobs.yaml"));
    await using files = await watching(folder.file(watched));
    await files.notices(() => swapConfigMap(folder, 2, "2"));
    await files.notices(() => swapConfigMap(folder, 3, "3"));
    await files.notices(() => swapConfigMap(folder, 4, "4"));
    expect(files.calls).toBe(3);
  });

  it("takes no notice of a touch, or of other files", async () => {
    await using folder = temporaryFolder();
    await writeFile(folder.file("jobs.yaml"), "1");
    await using files = await watching(folder.file(watched), { debounceMs: 1 });
    const seen = watch(folder.file("jobs.yaml"));
    const touched = once(seen, "change");
    await utimes(folder.file("jobs.yaml"), new Date(), new Date());
    await touched;
    seen.close();
    await writeFile(folder.file("notes.txt"), "1");
    await files.notices(() => writeFile(folder.file("jobs.yaml"), "2"));
    expect(files.calls).toBe(1);
  });

  it("notices by looking, where the system does not tell", async () => {
    await using folder = temporaryFolder();
    await writeFile(folder.file("jobs.yaml"), "1");
    await using files = await watching(folder.file(watched), { poll: true });
    await files.notices(() => replace(folder, "jobs.yaml", "2"));
    expect(files.calls).toBe(1);
  });
});

describe("watching a folder", () => {
  it("notices files that come and go", async () => {
    await using folder = temporaryFolder();
    await using files = await watching(folder.path);
    await files.notices(() => writeFile(folder.file("new.yml"), "1"));
    await files.notices(() => rename(folder.file("new.yml"), folder.file("other.yaml")));
    await files.notices(() => rm(folder.file("other.yaml")));
    expect(files.calls).toBe(3);
  });

  it("notices when it comes into being, and what happens in it then", async () => {
    await using folder = temporaryFolder();
    await using files = await watching(folder.file("app/schedules"));
    await files.notices(async () => {
      await mkdir(folder.file("app/schedules"), { recursive: true });
      await writeFile(folder.file("app/schedules/jobs.yaml"), "1");
    });
    await files.notices(() => writeFile(folder.file("app/schedules/jobs.yaml"), "2"));
    await files.notices(() => rm(folder.file("app/schedules"), { recursive: true }));
    expect(files.calls).toBe(3);
  });

  it("notices a change behind a link to a file elsewhere", async () => {
    await using folder = temporaryFolder();
    await mkdir(folder.file("schedules"));
    await writeFile(folder.file("elsewhere.yaml"), "1");
    await symlink("../elsewhere.yaml", folder.file("schedules/jobs.yaml"));
    await using files = await watching(folder.file("schedules"));
    await files.notices(() => writeFile(folder.file("elsewhere.yaml"), "2"));
    expect(files.calls).toBe(1);
  });

  it("is not kept from noticing by a file beside it that is written all the time", async () => {
    await using folder = temporaryFolder();
    await mkdir(folder.file("schedules"));
    await using files = await watching(folder.file("schedules"), { debounceMs: 100 });
    const writing = setInterval(() => void writeFile(folder.file("beat-record"), String(performance.now())), 10);
    await files.notices(() => writeFile(folder.file("schedules/jobs.yaml"), "1"));
    clearInterval(writing);
    expect(files.calls).toBe(1);
  });

  it("notices a pipe in it without opening it, and goes on", async () => {
    await using folder = temporaryFolder();
    execFileSync("mkfifo", [folder.file("pipe.yaml")]);
    await using files = await watching(folder.path);
    await files.notices(() => writeFile(folder.file("jobs.yaml"), "1"));
    await files.notices(() => rm(folder.file("pipe.yaml")));
    await files.notices(async () => execFileSync("mkfifo", [folder.file("pipe.yaml")]));
    expect(files.calls).toBe(3);
  });

  it("says nothing any more once it is stopped, which may be done twice", async () => {
    await using folder = temporaryFolder();
    let calls = 0;
    const service = await watchSchedules([folder.path], () => (calls += 1), { debounceMs: 1 });
    await writeFile(folder.file("jobs.yaml"), "1");
    await service.stop();
    await service.stop();
    const before = calls;
    await using other = await watching(folder.path);
    await other.notices(() => writeFile(folder.file("jobs.yaml"), "2"));
    expect(calls).toBe(before);
  });
});
