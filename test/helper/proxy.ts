// A loopback TCP proxy that fails on purpose: it cuts, it stalls, or it loses the answer to what did arrive.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Proxy extends AsyncDisposable {
  readonly port: number;
  /** Connections made through it so far. */
  readonly connections: () => number;
  /** Ends all connections now; new ones are served. */
  readonly cut: () => void;
  /** From now on, requests arrive but at the first answer the connection is cut instead; until `heal`. */
  readonly dropReplies: () => void;
  /** Nothing passes either way, and nothing is closed; until `heal`. */
  readonly stall: () => void;
  /** New connections are ended at once; until `heal`. */
  readonly refuse: () => void;
  readonly heal: () => void;
  readonly close: () => Promise<void>;
}

type Mood = "pass" | "drop" | "stall" | "refuse";

export async function startProxy(target: { readonly host: string; readonly port: number }): Promise<Proxy> {
  let mood: Mood = "pass";
  let count = 0;
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((inner) => {
    count += 1;
    if (mood === "refuse") {
      inner.destroy();
      return;
    }
    const outer = connect(target.port, target.host);
    const pair = [inner, outer] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      inner.destroy();
      outer.destroy();
    };
    for (const socket of pair) socket.on("error", end).on("close", end);
    inner.on("data", (bytes) => {
      if (mood !== "stall") outer.write(bytes);
    });
    outer.on("data", (bytes) => {
      if (mood === "drop") end();
      else if (mood !== "stall") inner.write(bytes);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = (): void => {
    for (const [inner, outer] of pairs) {
      inner.destroy();
      outer.destroy();
    }
  };
  const become = (next: Mood) => (): void => {
    mood = next;
  };
  const close = async (): Promise<void> => {
    const closed = server.listening ? once(server, "close") : undefined;
    server.close();
    cut();
    await closed;
  };
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => count,
    cut,
    dropReplies: become("drop"),
    stall: become("stall"),
    refuse: become("refuse"),
    heal: become("pass"),
    close,
    [Symbol.asyncDispose]: close,
  };
}
