// What the settings say of the connection to the broker besides its address.
import type { Settings } from "../config/settings.ts";

/** `broker_transport_options`, with `broker_use_ssl` among them. */
export function transportOptionsOf({
  brokerTransportOptions: options,
  brokerUseSsl: ssl,
}: Pick<Settings, "brokerTransportOptions" | "brokerUseSsl">): Readonly<Record<string, unknown>> {
  return ssl === false ? options : { ssl, ...options };
}
