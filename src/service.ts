// What everything with a lifecycle promises: start once, stop at any time, stop twice without harm.

export interface Service {
  start(): Promise<void>;
  /** Safe before start, safe twice. Resolves when nothing of the service is left running. */
  stop(): Promise<void>;
}
