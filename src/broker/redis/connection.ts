// What all connections of one Redis broker have in common, and the one voice that tells people of them.
import type { Emit } from "../../event.ts";
import { parseRedisUrl } from "../../redis/address.ts";
import type { ConnectionOptions } from "../../redis/connection.ts";
import { evictionWarning } from "../../redis/eviction.ts";
import { maskUrl } from "../../redis/url.ts";
import { brokerWords } from "./failure.ts";
import { readTransport, type RedisTransport } from "./transport.ts";

export interface BrokerConnection extends ConnectionOptions {
  readonly transport: RedisTransport;
  /** For what goes wrong beyond the connections themselves. */
  readonly emit: Emit;
}

export interface BrokerConnectionOptions {
  readonly emit: Emit;
  /** `broker_transport_options`, in Celery's names. */
  readonly transport: Readonly<Record<string, unknown>>;
}

/** @throws LovageError("config") for a URL or options that cannot be read */
export function describeConnection(url: string, { emit, transport }: BrokerConnectionOptions): BrokerConnection {
  const shown = maskUrl(url);
  return Object.freeze({
    url: shown,
    address: parseRedisUrl(url, brokerWords),
    transport: readTransport(transport),
    words: brokerWords,
    emit,
    onOpen: oneVoice(shown, emit),
    onClient: evictionWarning({ where: `the broker ${shown}`, emit }),
  });
}

/**
 * A worker has several connections to its broker, and when Redis goes they all go. Of those that stood together, the first
 * to come and the first to be lost are told of.
 */
function oneVoice(url: string, emit: Emit): () => (reason: string) => void {
  let standing: symbol | undefined;
  return () => {
    if (standing === undefined) {
      standing = Symbol("standing");
      emit({ type: "broker-connected", url });
    }
    const since = standing;
    return (reason) => {
      if (standing !== since) return;
      standing = undefined;
      emit({ type: "broker-disconnected", url, reason });
    };
  };
}
