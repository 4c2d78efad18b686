// The worker's mailbox: Celery's commands, with the worker to obey them.
import { pythonError, reasonOf, refused } from "../remote/answer.ts";
import { Mailbox, type MailboxOptions } from "../remote/mailbox.ts";
import { commands } from "./control/commands.ts";
import type { Panel } from "./control/panel.ts";

export type RemoteControlOptions = Omit<Panel, "onFailure"> & Pick<MailboxOptions<Panel>, "emit">;

export function createRemoteControl({ emit, ...parts }: RemoteControlOptions): Mailbox<Panel> {
  const { steering, broker, clock, lamport, settings } = parts;
  const onFailure = (error: unknown): void => emit({ type: "failure", where: "control", reason: reasonOf(error) });
  return new Mailbox({
    hostname: steering.hostname,
    namespace: settings.controlExchange,
    broker,
    emit,
    clock,
    lamport,
    commands,
    panel: Object.freeze({ ...parts, onFailure }),
    answerUnknown: ({ method }) => refused(pythonError("KeyError", method)),
    answerFailure: (error) => refused(reasonOf(error)),
  });
}
