// The app's own connection to the broker: opened when first needed, kept, and closed with the app.
import type { Broker } from "../broker/broker.ts";
import { openBroker } from "../broker/open.ts";
import { systemClock } from "../clock.ts";
import type { Configuration } from "../config/configuration.ts";
import { checkRetryPolicy, type RetryPolicy } from "../config/section/task.ts";
import type { Envelope } from "../protocol/envelope.ts";
import { writeJson } from "../protocol/json-writer.ts";
import type { TaskOptions } from "../protocol/task-options.ts";
import { camelOptions } from "./options.ts";
import { sentEvent } from "./sent-event.ts";
import { publishWithRetry } from "./publish.ts";
import { transportOptionsOf } from "./transport.ts";
import { type PublishPayload, signals } from "./worker-signals.ts";

export class Client {
  readonly #configuration: Configuration;
  #broker: Promise<Broker> | undefined;

  constructor(configuration: Configuration) {
    this.#configuration = configuration;
  }

  broker(): Promise<Broker> {
    this.#broker ??= this.#open();
    return this.#broker;
  }

  async publish(written: Envelope, options: TaskOptions): Promise<void> {
    const policy = this.#policy(options);
    const envelope = signals.beforeTaskPublish.isConnected ? await announce(written) : written;
    await publishWithRetry(envelope, { broker: () => this.broker(), clock: systemClock, policy });
    if (signals.afterTaskPublish.isConnected) await signals.afterTaskPublish.send(payloadOf(envelope));
    if (this.#configuration.get("taskSendSentEvent")) await this.#tellMonitors(envelope);
  }

  async close(): Promise<void> {
    const broker = this.#broker;
    this.#broker = undefined;
    await (await broker)?.close();
  }

  /** The task is on its way: that monitors do not hear of it is no reason to fail the call. */
  async #tellMonitors(envelope: Envelope): Promise<void> {
    const broker = await this.broker();
    await broker.publish([sentEvent(envelope, this.#configuration.get("eventExchange"))]).catch(() => undefined);
  }

  async #open(): Promise<Broker> {
    const url = this.#configuration.get("brokerWriteUrl") ?? this.#configuration.get("brokerUrl");
    const transportOptions = transportOptionsOf({
      brokerTransportOptions: this.#configuration.get("brokerTransportOptions"),
      brokerUseSsl: this.#configuration.get("brokerUseSsl"),
    });
    try {
      return await openBroker(url, { transportOptions });
    } catch (error) {
      // The next attempt may find the file or the server back.
      this.#broker = undefined;
      throw error;
    }
  }

  #policy({ retry, retryPolicy }: TaskOptions): RetryPolicy | null {
    if (!(retry ?? this.#configuration.get("taskPublishRetry"))) return null;
    const standing = this.#configuration.get("taskPublishRetryPolicy");
    return retryPolicy === undefined ? standing : { ...standing, ...retryPolicyOf(retryPolicy) };
  }
}

/** Only what the call says; the rest stands as the settings have it. */
function retryPolicyOf(written: object): Partial<RetryPolicy> {
  const whole = checkRetryPolicy(written);
  const said = Object.keys(camelOptions(written));
  return Object.fromEntries(Object.entries(whole).filter(([name]) => said.includes(name)));
}

/** Handlers may add headers, as tracing does; what cannot be sent in a header fails the call like any wrong option. */
async function announce(envelope: Envelope): Promise<Envelope> {
  const payload = payloadOf(envelope);
  await signals.beforeTaskPublish.send(payload);
  writeJson(payload.headers, "headers");
  return Object.freeze({ ...envelope, headers: Object.freeze(payload.headers) });
}

function payloadOf({ id, task, body, headers, destination }: Envelope): PublishPayload {
  const { exchange, routingKey } = destination;
  return { sender: task, taskId: id, exchange, routingKey, body, headers: { ...headers } };
}
