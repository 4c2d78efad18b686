// Where `--http` listens, as people write it.
import { isIP, isIPv4, isIPv6 } from "node:net";
import { LovageError } from "../error.ts";

export interface HttpAddress {
  /** An IP address, without brackets, or a name. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Nobody but this machine can reach it. */
  readonly isLoopback: boolean;
}

const loopback = "127.0.0.1";
const hint = "write a port, or an address and a port: 8787, 127.0.0.1:8787, [::1]:8787";

/**
 * `8787`, `:8787`, `127.0.0.1:8787`, `localhost:8787` or `[::1]:8787`. Without an address it is this machine alone.
 *
 * @throws LovageError("usage")
 */
export function parseHttpAddress(text: string): HttpAddress {
  const [, written = "", digits = ""] = /^(?:(.*):)?(\d{1,5})$/.exec(text.trim()) ?? [];
  const port = digits === "" ? Number.NaN : Number(digits);
  const host = written === "" ? loopback : hostOf(written);
  if (!(port <= 65_535) || host === null) {
    throw new LovageError("usage", `--http: ${JSON.stringify(text)} is not an address to listen on`, { hint });
  }
  return { host, port, isLoopback: isLoopbackHost(host) };
}

/** `http://[::1]:8787` */
export function httpUrl({ host, port }: Pick<HttpAddress, "host" | "port">): string {
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

/** IPv6 has colons of its own, and so wants brackets. */
function hostOf(written: string): string | null {
  const bracketed = /^\[(.+)\]$/.exec(written)?.[1];
  if (bracketed !== undefined) return isIPv6(bracketed) ? bracketed : null;
  if (/^[\d.]+$/.test(written)) return isIPv4(written) ? written : null;
  return /^[a-z\d]([a-z\d.-]*[a-z\d])?$/i.test(written) ? written : null;
}

function isLoopbackHost(host: string): boolean {
  if (isIP(host) === 0) return host.toLowerCase() === "localhost";
  return host === "::1" || host.startsWith("127.");
}
