// One host's way to the broker, as a loopback TCP proxy that fails as networks do: what was sent before a stall still
// arrives after it, even if its sender has given up meanwhile.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Link extends AsyncDisposable {
  readonly port: number;
  /** Ends all connections now; new ones are served. */
  readonly cut: () => void;
  /** Ends all connections now, and new ones at once; until `heal`. */
  readonly refuse: () => void;
  /** Nothing arrives on either side, and nothing is closed; `heal` lets it all arrive. */
  readonly stall: () => void;
  /** Requests arrive, but at the first answer the connection is cut instead; until `heal`. */
  readonly loseAnswers: () => void;
  readonly heal: () => void;
  /** New connections go to another port: a failover. */
  readonly leadTo: (port: number) => void;
  readonly close: () => Promise<void>;
}

type Mood = "pass" | "refuse" | "stall" | "lose";

const host = "127.0.0.1";

export async function startLink(targetPort: number): Promise<Link> {
  const wire = new Wire(targetPort);
  const server = createServer((inner) => wire.join(inner));
  server.listen(0, host);
  await once(server, "listening");
  const close = async (): Promise<void> => {
    const closed = server.listening ? once(server, "close") : undefined;
    server.close();
    wire.cut();
    await closed;
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => wire.cut(),
    refuse: () => {
      wire.become("refuse");
      wire.cut();
    },
    stall: () => wire.become("stall"),
    loseAnswers: () => wire.become("lose"),
    heal: () => wire.become("pass"),
    leadTo: (port) => {
      wire.targetPort = port;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

class Wire {
  targetPort: number;
  #mood: Mood = "pass";
  readonly #pairs = new Set<readonly [Socket, Socket]>();

  constructor(targetPort: number) {
    this.targetPort = targetPort;
  }

  become(mood: Mood): void {
    this.#mood = mood;
    for (const pair of this.#pairs) this.#flow(pair);
  }

  cut(): void {
    for (const [inner, outer] of this.#pairs) {
      inner.destroy();
      outer.destroy();
    }
  }

  join(inner: Socket): void {
    if (this.#mood === "refuse") {
      inner.destroy();
      return;
    }
    const outer = connect(this.targetPort, host);
    const pair = [inner, outer] as const;
    this.#pairs.add(pair);
    const end = (): void => {
      this.#pairs.delete(pair);
      inner.destroy();
      outer.destroy();
    };
    inner.on("error", () => undefined).on("data", (bytes) => outer.write(bytes));
    // What was read is still delivered: the network does not know that the sender has given up.
    inner.on("close", () => (outer.connecting ? end() : outer.end()));
    outer.on("error", end).on("close", end);
    outer.on("data", (bytes) => (this.#mood === "lose" ? end() : inner.write(bytes)));
    this.#flow(pair);
  }

  #flow(pair: readonly [Socket, Socket]): void {
    for (const socket of pair) {
      if (this.#mood === "stall") socket.pause();
      else socket.resume();
    }
  }
}
