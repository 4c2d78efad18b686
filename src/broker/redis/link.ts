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
  readonly #links = new Map<string, { readonly id: string; readonly told: Promise<void> }>();

  constructor(connection: RedisConnection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  /**
   * The id of the present connection, which Redis has been told of: what was sent over the one before is by now either
   * there, or will never be taken. To be called before each publishing and each reading of marks.
   */
  async of(client: Redis, scope: string): Promise<string> {
    const { declared } = this.#connection;
    const known = this.#links.get(scope);
    if (known !== undefined && declared.has(nameOf(scope))) {
      await known.told;
      return known.id;
    }
    const id = randomUUID();
    const told = this.#tell(client, scope, id);
    this.#links.set(scope, { id, told });
    declared.add(nameOf(scope));
    try {
      await told;
    } catch (error) {
      // The next who asks tells it anew.
      if (this.#links.get(scope)?.id === id) this.#links.delete(scope);
      throw error;
    }
    return id;
  }

  /** Once more, where Redis has forgotten it or somebody else has read the marks; not over a connection that came since. */
  async repeat(client: Redis, scope: string, id: string): Promise<void> {
    if (this.#connection.declared.has(nameOf(scope))) await this.#tell(client, scope, id);
  }

  async #tell(client: Redis, scope: string, id: string): Promise<void> {
    const { term, link } = scopeKeys(this.#prefix, scope);
    await runScript(client, linkScript, [term, link], [id]);
  }
}

function nameOf(scope: string): string {
  return `link ${scope}`;
}
