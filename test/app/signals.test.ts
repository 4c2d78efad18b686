import { describe, expect, it } from "vitest";
import { createSignal } from "../../src/app/signals.ts";

describe("a signal", () => {
  it("calls its handlers with the sender, in the order they came, one after the other", async () => {
    const { signal, send } = createSignal<string>();
    const seen: string[] = [];
    signal(async (sender) => {
      await Promise.resolve();
      seen.push(`first ${sender}`);
    });
    signal.connect((sender) => seen.push(`second ${sender}`));
    await send("app");
    expect(seen).toEqual(["first app", "second app"]);
  });

  it("calls each handler once, however often it is connected or the signal sent", async () => {
    const { signal, send } = createSignal<string>();
    let calls = 0;
    const handler = (): void => {
      calls += 1;
    };
    signal.connect(handler);
    signal.connect(handler);
    await Promise.all([send("app"), send("app")]);
    await send("app");
    expect(calls).toBe(1);
  });

  it("calls a handler that comes late at once, and waits for it when asked again", async () => {
    const { signal, send } = createSignal<string>();
    await send("app");
    const seen: string[] = [];
    signal(async (sender) => {
      seen.push(`called ${sender}`);
      await Promise.resolve();
      seen.push("done");
    });
    expect(seen).toEqual(["called app"]);
    await send("app");
    expect(seen).toEqual(["called app", "done"]);
  });

  it("does not call a handler that was taken away", async () => {
    const { signal, send } = createSignal<string>();
    const handler = (): never => {
      throw new Error("not wanted");
    };
    signal.connect(handler);
    signal.disconnect(handler);
    await expect(send("app")).resolves.toBeUndefined();
  });

  it("passes on what a handler throws, at once or later", async () => {
    const { signal, send } = createSignal<string>();
    signal(() => Promise.reject(new Error("no")));
    await expect(send("app")).rejects.toThrow("no");
  });

  it("can be started without waiting, and is then waited for by whoever sends it", async () => {
    const { signal, start, send } = createSignal<string>();
    const seen: string[] = [];
    signal(async () => {
      seen.push("started");
      await Promise.resolve();
      seen.push("done");
    });
    start("app");
    expect(seen).toEqual(["started"]);
    await send("app");
    expect(seen).toEqual(["started", "done"]);
  });
});
