// One message on its way, before any broker has put its own clothes on it. Frozen; brokers encode it, never change it.

export interface Envelope {
  /** The task id (Celery's `id` header and the `correlation_id` property). */
  readonly id: string;
  /** The task's name. */
  readonly task: string;
  /** The serialized `[args, kwargs, embed]`: text, or bytes when compressed. */
  readonly body: string | Uint8Array;
  readonly contentType: string;
  readonly contentEncoding: string;
  /** Celery protocol 2 headers, in Celery's order; custom headers are merged in at the top level. */
  readonly headers: Readonly<Record<string, unknown>>;
  readonly properties: EnvelopeProperties;
  readonly destination: Destination;
  /** What `encodeMessage` of kombu.ts would write, where whoever made the envelope has a faster way to it. */
  encode?(deliveryTag: string): string;
}

export interface EnvelopeProperties {
  readonly correlationId: string;
  readonly replyTo: string;
  /** 2 is persistent, 1 transient. */
  readonly deliveryMode: number;
  readonly priority: number;
  /** Milliseconds as a decimal string, as AMQP wants it. */
  readonly expiration?: string;
}

export interface Destination {
  /** "" is the default exchange: the routing key is the queue's name. */
  readonly exchange: string;
  readonly exchangeType: ExchangeType;
  readonly routingKey: string;
  /** The queue to declare before publishing, where the route names one. */
  readonly queue?: string;
}

export type ExchangeType = "direct" | "topic" | "fanout";
