// A server that is pinged: it keeps what it was asked, and answers as the test says.
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface PingTarget extends AsyncDisposable {
  readonly url: string;
  /** Paths, in the order they came. */
  readonly paths: string[];
  /** `user:password` of those that came with a login. */
  readonly logins: string[];
  /** Requests that are being answered now, and the most there ever were. */
  readonly open: { now: number; most: number };
  /** 200 for any path it does not name. Null: no answer until `release`. */
  readonly answers: Map<string, (number | null)[]>;
  /** Answers with 200 what is held back, and what would be from now on. */
  readonly release: () => void;
}

export async function pingTarget(): Promise<PingTarget> {
  const paths: string[] = [];
  const logins: string[] = [];
  let isReleased = false;
  const open = { now: 0, most: 0 };
  const answers = new Map<string, (number | null)[]>();
  const held = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    paths.push(path);
    const [, login] = /^Basic (.+)$/.exec(request.headers.authorization ?? "") ?? [];
    if (login !== undefined) logins.push(Buffer.from(login, "base64").toString());
    open.now += 1;
    open.most = Math.max(open.most, open.now);
    response.once("close", () => {
      held.delete(response);
      open.now -= 1;
    });
    const status = answers.get(path)?.shift();
    if (status === null && !isReleased) held.add(response);
    else response.writeHead(status ?? 200).end("OK");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    paths,
    logins,
    open,
    answers,
    release: () => {
      isReleased = true;
      for (const response of held) response.writeHead(200).end();
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
