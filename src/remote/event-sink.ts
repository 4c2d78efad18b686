// Where a node reports to monitors: Celery's events, `task-received` and the like, with Celery's fields.

export interface EventSink {
  readonly enabled: boolean;
  enable(): void;
  disable(): void;
  /** Sends nothing while not enabled. Never throws; while the broker is away, events are dropped. */
  send(type: string, fields: Readonly<Record<string, unknown>>): void;
}
