// Groups, chains and chords as one worker brings them to their end, on the memory broker and results in memory.
import { describe, expect, it } from "vitest";
import type { App } from "../../src/app/app.ts";
import { type SignatureJson, signatureJson } from "../../src/protocol/signature-json.ts";
import type { ResultMeta } from "../../src/protocol/result-meta.ts";
import { waitUntil } from "../helper/wait.ts";
import { startWorkerStage, type WorkerStage } from "../helper/worker-stage.ts";

const tasks = (app: App): void => {
  app.task("proj.add", (x: number, y: number) => x + y);
  app.task("proj.echo", (value: unknown) => value);
  app.task("proj.fail", (text: string) => {
    throw new TypeError(text);
  });
};

interface Parts {
  readonly args?: readonly unknown[];
  readonly [option: string]: unknown;
}

function sig(task: string, { args = [], ...options }: Parts = {}): SignatureJson {
  return signatureJson({ task: `proj.${task}`, args, options }, "signature");
}

function canvas(type: "chain" | "chord" | "group", kwargs: object): SignatureJson {
  return signatureJson({ task: `celery.${type}`, kwargs, subtask_type: type }, "signature");
}

function group(...members: readonly SignatureJson[]): SignatureJson {
  return canvas("group", { tasks: members });
}

function chord(header: SignatureJson, body: SignatureJson): SignatureJson {
  return canvas("chord", { kwargs: {}, header, body });
}

async function resultOf(stage: WorkerStage, id: string): Promise<ResultMeta> {
  const signal = AbortSignal.timeout(10_000);
  const meta = await stage.backend.wait(id, { signal });
  if (meta === null) throw new Error(`${id} did not end: ${JSON.stringify(stage.log)}`);
  return meta;
}

function failures(stage: WorkerStage): readonly string[] {
  return stage.log.flatMap((event) => (event.type === "failure" ? [event.reason] : []));
}

describe("a worker", () => {
  it("goes on behind a group in a chain once all of it has ended", async () => {
    await using stage = await startWorkerStage({ define: tasks });
    const steps = [sig("echo", { task_id: "last" }), group(sig("add", { args: [10] }), sig("add", { args: [20] }))];
    const { id } = await stage.app.sendTask("proj.add", [1, 2], {}, { chain: steps });
    expect((await resultOf(stage, "last")).result).toEqual([13, 23]);
    const [header, ...none] = (await resultOf(stage, id)).children;
    expect([header?.[1]?.length, none]).toEqual([2, []]);
  });

  it("ends chords within the header and the body of another", async () => {
    await using stage = await startWorkerStage({ define: tasks });
    const inner = chord(group(sig("add", { args: [1] }), sig("add", { args: [2] })), sig("echo"));
    const outer = chord(
      group(inner, sig("add", { args: [3] })),
      chord(group(sig("echo")), sig("echo", { task_id: "last" })),
    );
    await stage.app.sendTask("proj.echo", [5], {}, { link: outer });
    expect((await resultOf(stage, "last")).result).toEqual([[[6, 7], 8]]);
  });

  it("fails what waits for a task that failed: the rest of its chain, its chord, and the chord behind that", async () => {
    await using stage = await startWorkerStage({ define: tasks });
    const broken = canvas("chain", { tasks: [sig("fail"), sig("echo", { task_id: "rest" })] });
    const inner = chord(
      group(broken, sig("echo")),
      sig("echo", { task_id: "inner", link_error: [sig("echo", { task_id: "told" })] }),
    );
    await stage.app.sendTask(
      "proj.echo",
      ["boom"],
      {},
      { link: chord(group(inner, sig("echo")), sig("echo", { task_id: "outer" })) },
    );
    expect(await resultOf(stage, "rest")).toMatchObject({ state: "FAILURE", result: { exc_type: "TypeError" } });
    const error = { exc_type: "ChordError", exc_module: "celery.exceptions" };
    const dependency = (text: string): unknown => ({ ...error, exc_message: [expect.stringContaining(text)] });
    const innerEnd = await resultOf(stage, "inner");
    expect(innerEnd).toMatchObject({
      state: "FAILURE",
      result: dependency("Dependency rest raised TypeError('boom')"),
    });
    expect(innerEnd.traceback).toContain("Dependency rest");
    expect(await resultOf(stage, "outer")).toMatchObject({ result: dependency("Dependency inner raised ChordError(") });
    expect((await resultOf(stage, "told")).result).toBe("inner");
    expect(failures(stage)).toHaveLength(2);
  });

  it("fails the body when it cannot be sent", async () => {
    await using stage = await startWorkerStage({ define: tasks });
    const body = sig("echo", { task_id: "body", serializer: "pickle" });
    await stage.app.sendTask("proj.echo", [1], {}, { link: chord(group(sig("echo"), sig("echo")), body) });
    const { state, result } = await resultOf(stage, "body");
    expect([state, JSON.stringify(result)]).toEqual(["FAILURE", expect.stringContaining("Callback error: ")]);
  });

  it("says that chords need a result backend, and runs the task all the same", async () => {
    await using stage = await startWorkerStage({ define: tasks, settings: { backend: "disabled" } });
    const body = sig("echo");
    const options = { groupId: "group", groupIndex: 0, chord: body };
    await stage.app.sendTask("proj.add", [1, 2], {}, options);
    await stage.app.sendTask("proj.echo", [1], {}, { link: chord(group(sig("echo")), sig("echo")) });
    await waitUntil(() => failures(stage).length === 2, { what: "both to be said", timeoutMs: 5000 });
    for (const reason of failures(stage)) expect(reason).toContain("chords need a result backend");
    await waitUntil(() => stage.log.filter(({ type }) => type === "task-succeeded").length === 2, {
      what: "both to end",
    });
  });

  it("calls the body once when the last part comes again", async () => {
    await using stage = await startWorkerStage({ define: tasks });
    await stage.backend.chords?.open([{ groupId: "group", size: 2, tree: null }]);
    const body = sig("echo", { task_id: "body" });
    const part = (groupIndex: number): Promise<unknown> => {
      const options = { taskId: `part ${groupIndex}`, groupId: "group", groupIndex, chord: body };
      return stage.app.sendTask("proj.echo", [groupIndex], {}, options);
    };
    await part(0);
    await resultOf(stage, "part 0");
    await part(0);
    await part(1);
    expect((await resultOf(stage, "body")).result).toEqual([0, 1]);
    await part(1);
    const ended = (): readonly unknown[] => stage.log.filter(({ type }) => type === "task-succeeded");
    await waitUntil(() => ended().length === 5, { what: "all to end" });
    await stage.worker.stop();
    expect(ended()).toHaveLength(5);
  });

  it("counts what was revoked before it ran, and what nobody knows, as failed", async () => {
    await using stage = await startWorkerStage({ define: tasks });
    for (const [task, id] of [
      ["proj.echo", "revoked"],
      ["proj.unknown", "unknown"],
    ] as const) {
      await stage.backend.chords?.open([{ groupId: `group of ${id}`, size: 1, tree: null }]);
      const chord = sig("echo", { task_id: `body of ${id}` });
      const options = { taskId: id, groupId: `group of ${id}`, groupIndex: 0, chord, countdown: 60 };
      await stage.app.sendTask(task, [1], {}, options);
    }
    await waitUntil(() => stage.worker.scheduled().length === 1, { what: "the task to wait for its time" });
    stage.worker.revoke(["revoked"]);
    const reasons = [
      (await resultOf(stage, "body of revoked")).result,
      (await resultOf(stage, "body of unknown")).result,
    ];
    expect(reasons).toMatchObject([
      { exc_message: ["Dependency revoked raised TaskRevokedError('revoked')"] },
      { exc_message: ["Dependency unknown raised NotRegistered('proj.unknown')"] },
    ]);
  });
});
