// The HTTP server of a beat: a few paths to read, nothing to change. A slow or rude client costs beat nothing.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { LovageError, messageOf } from "../error.ts";
import type { Emit } from "../event.ts";
import type { Service } from "../service.ts";
import { type HttpAddress, httpUrl } from "./http-address.ts";

export interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export interface Route {
  /** For the index. */
  readonly about: string;
  readonly render: () => Page | Promise<Page>;
}

/** By path: `/healthz`. */
export type Routes = Readonly<Record<string, Route>>;

export interface HttpServerOptions {
  readonly address: HttpAddress;
  readonly routes: Routes;
  readonly emit: Emit;
}

/** A client that sends or reads nothing for so long is let go; one that has not said what it wants, sooner. */
const limits = {
  requestTimeout: 10_000,
  headersTimeout: 3000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 1000,
};
const mostConnections = 1000;
/** More than these that want nothing make room: who comes now, a probe perhaps, does want something. */
const mostIdle = 800;

export class HttpServer implements Service {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  /** Connections without a request, the one that has been so for longest first. */
  readonly #idle = new Set<Socket>();

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#server = createServer(limits, (request, response) => {
      const { socket } = request;
      this.#idle.delete(socket);
      response.once("close", () => this.#rest(socket));
      void this.#answer(request, response);
    });
    this.#server.maxConnections = mostConnections;
    this.#server.setTimeout(limits.requestTimeout);
    this.#server.on("connection", (socket) => {
      socket.once("close", () => this.#idle.delete(socket));
      this.#rest(socket);
    });
  }

  /** Where it listens. */
  get url(): string {
    const { host } = this.#options.address;
    return httpUrl({ host, port: (this.#server.address() as AddressInfo | null)?.port ?? this.#options.address.port });
  }

  /** @throws LovageError("usage") when it cannot listen there */
  async start(): Promise<void> {
    const { host, port } = this.#options.address;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (error) => reject(cannotListen(this.#options.address, error)));
      this.#server.listen({ host, port }, resolve);
    });
    this.#server.removeAllListeners("error");
    this.#server.on("error", (error) => {
      this.#options.emit({ type: "failure", where: "http", reason: messageOf(error) });
    });
    // Whoever waits for beat to end does not wait for those who look at it.
    this.#server.unref();
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #rest(socket: Socket): void {
    if (socket.destroyed) return;
    this.#idle.add(socket);
    const [longest] = this.#idle;
    if (this.#idle.size > mostIdle) longest?.destroy();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      send(request, response, await this.#page(request));
    } catch (error) {
      this.#options.emit({ type: "failure", where: `http ${request.url}`, reason: messageOf(error) });
      send(request, response, textPage(500, messageOf(error)));
    }
  }

  async #page({ method, url = "/" }: IncomingMessage): Promise<Page> {
    if (method !== "GET" && method !== "HEAD") return textPage(405, "only GET and HEAD: nothing can be changed here");
    const path = url.split("?")[0] ?? "/";
    const { routes } = this.#options;
    if (path === "/") return textPage(200, indexOf(routes));
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    return route === undefined ? textPage(404, `there is no ${path} here\n\n${indexOf(routes)}`) : route.render();
  }
}

export function textPage(status: number, text: string): Page {
  return { status, contentType: "text/plain; charset=utf-8", body: `${text}\n` };
}

export function jsonPage(status: number, data: unknown): Page {
  return { status, contentType: "application/json; charset=utf-8", body: `${JSON.stringify(data, null, 2)}\n` };
}

function indexOf(routes: Routes): string {
  const width = Math.max(...Object.keys(routes).map((path) => path.length));
  const lines = Object.entries(routes).map(([path, { about }]) => `${path.padEnd(width)}  ${about}`);
  return ["lovage beat", "", ...lines].join("\n");
}

function send({ method }: IncomingMessage, response: ServerResponse, { status, contentType, body }: Page): void {
  response.writeHead(status, {
    "content-type": contentType,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(status === 405 ? { allow: "GET, HEAD" } : {}),
  });
  response.end(method === "HEAD" ? undefined : body);
}

function cannotListen(address: HttpAddress, error: NodeJS.ErrnoException): LovageError {
  const where = `--http: cannot listen on ${httpUrl(address)}`;
  const [reason, hint] = reasons[error.code ?? ""] ?? [messageOf(error), "write another address or port"];
  return new LovageError("usage", `${where}: ${reason}`, { hint, cause: error });
}

const reasons: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  EADDRINUSE: ["something listens there already", "give each beat on one machine a port of its own, or stop the other"],
  EACCES: ["this user may not", "ports below 1024 are for root; take a higher one"],
  EADDRNOTAVAIL: ["this machine has no such address", "0.0.0.0 is all addresses, 127.0.0.1 this machine alone"],
  ENOTFOUND: ["nobody knows this name", "write an IP address: 127.0.0.1:8787"],
};
