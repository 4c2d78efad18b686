// What a call gives back: the handle of a message that is on its way.

/** The id of a call, by which its result will be known. */
export class AsyncResult {
  /** The task id. */
  readonly id: string;
  readonly taskName: string;

  constructor(id: string, taskName: string) {
    this.id = id;
    this.taskName = taskName;
    if (new.target === AsyncResult) Object.freeze(this);
  }

  /** The id, as in Celery. */
  toString(): string {
    return this.id;
  }
}
