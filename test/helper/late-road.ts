// A road to Redis on which what a client says may be held back, and arrives late: after the client is gone, when he has begun anew.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface LateRoad extends AsyncDisposable {
  readonly port: number;
  /** The connections made on it, oldest first. */
  readonly lanes: readonly Lane[];
  readonly newest: () => Lane;
}

export interface Lane {
  /** From now on what the client says is kept. */
  readonly hold: () => void;
  /** Bytes kept so far. */
  readonly heldBytes: () => number;
  /** The client loses his connection. */
  readonly cut: () => void;
  /** What was kept arrives; resolves when Redis has answered to all of it and the connection is closed. */
  readonly arrive: () => Promise<void>;
}

/** @param delayMs so long everything is on its way to Redis */
export async function startLateRoad(
  target: { readonly host: string; readonly port: number },
  delayMs = 0,
): Promise<LateRoad> {
  const lanes: Lane[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((inner) => {
    const outer = connect(target.port, target.host);
    sockets.add(inner).add(outer);
    lanes.push(openLane(inner, outer, delayMs));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    lanes,
    newest: () => {
      const lane = lanes.at(-1);
      if (lane === undefined) throw new Error("nobody has come this way");
      return lane;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function openLane(inner: Socket, outer: Socket, delayMs: number): Lane {
  let held: Buffer[] | null = null;
  const pass = (bytes: Buffer): void => {
    if (held === null) outer.write(bytes);
    else held.push(bytes);
  };
  inner.on("error", () => undefined).on("close", () => held ?? outer.destroy());
  outer.on("error", () => undefined).on("close", () => inner.destroy());
  inner.on("data", (bytes) => {
    if (delayMs > 0) setTimeout(pass, delayMs, bytes);
    else pass(bytes);
  });
  outer.on("data", (bytes) => {
    if (!inner.destroyed) inner.write(bytes);
  });
  return {
    hold: () => {
      held ??= [];
    },
    heldBytes: () => (held ?? []).reduce((sum, bytes) => sum + bytes.length, 0),
    cut: () => inner.destroy(),
    arrive: async () => {
      const closed = outer.destroyed ? undefined : once(outer, "close");
      for (const bytes of held ?? []) outer.write(bytes);
      outer.end();
      await closed;
    },
  };
}
