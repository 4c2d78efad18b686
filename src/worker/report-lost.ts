// The signal taskFailure of a task whose process is gone: nobody there can send it any more.
import type { App } from "../app/app.ts";
import { createTaskRequest } from "../app/task-request.ts";
import { signals } from "../app/worker-signals.ts";
import { readBodyText } from "../protocol/body.ts";
import { errorFromJson } from "../protocol/exception.ts";
import type { Failure, Job } from "./job.ts";

export async function reportLost(app: App, job: Job, { exception, traceback }: Failure): Promise<void> {
  const task = app.tasks.get(job.task);
  if (task === undefined || !signals.taskFailure.isConnected) return;
  const { timezone } = app.conf;
  const body = readBodyText(job.body, job.id);
  const request = createTaskRequest({ message: job, body, isEager: false, calledDirectly: false, timezone });
  const error = errorFromJson(exception, traceback);
  const { args, kwargs } = body;
  await signals.taskFailure.send({ sender: job.task, taskId: job.id, task, args, kwargs, request, error, traceback });
}
