// The one connection that may publish under a term. A connection that was lost may still have a batch on its way, and it may
// come late: after its retry over a new connection, or after somebody has concluded from the marks that it never came.
import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import type { RedisConnection } from "../../redis/connection.ts";
import { runScript } from "../../redis/script.ts";
import { linkScript, scopeKeys } from "./scripts.ts";

export class Links {
  readonly #connection: RedisConnection;
  readonly #prefix: string;
  /** By scope, of the connection that stood last. */
  readonly #ids = new Map<string, string>();

  constructor(connection: RedisConnection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  /**
   * The id of the present connection, which Redis has been told of: what was sent over the one before is by now either
   * there, or will never be taken. To be called before each publishing and each reading of marks.
   */
  async of(client: Redis, scope: string): Promise<string> {
    const name = `link ${scope}`;
    const known = this.#ids.get(scope);
    if (known !== undefined && this.#connection.declared.has(name)) return known;
    const id = randomUUID();
    this.#ids.set(scope, id);
    this.#connection.declared.add(name);
    await this.tell(client, scope, id);
    return id;
  }

  /** Once more, where Redis has forgotten it or somebody else has read the marks. */
  async tell(client: Redis, scope: string, id: string): Promise<void> {
    const { term, link } = scopeKeys(this.#prefix, scope);
    await runScript(client, linkScript, [term, link], [id]);
  }
}
