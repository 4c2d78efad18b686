// The public API: re-exports only.
export { App } from "./app/app.ts";
export {
  AsyncResult,
  type KnownOutcome,
  resultFromTuple,
  type ResultSource,
  type RevokeOptions,
} from "./app/async-result.ts";
export { TimeoutError } from "./app/await-result.ts";
export type { AppOptions, AppSettingsInput, BeatSchedule, Conf } from "./app/conf.ts";
export {
  type AddressOptions,
  Control,
  type ControlOptions,
  type Replies,
  type RevokeOptions as ControlRevokeOptions,
} from "./app/control.ts";
export { currentTask } from "./app/current.ts";
export { type FindOptions, findApp, type FoundApp } from "./app/find.ts";
export {
  type ByNode,
  Inspect,
  type InspectOptions,
  type Ping,
  type ScheduledTask,
  type TaskInfo,
} from "./app/inspect.ts";
export { isApp } from "./app/is-app.ts";
export type { PeriodicOptions, PeriodicTask, ScheduleInput, TaskReference } from "./app/periodic.ts";
export type { Route, RouteFunction, RouteMap, RoutePair, TaskRoutes } from "./app/routes.ts";
export type { Signal, SignalHandler } from "./app/signals.ts";
export type { Dependency, GetOptions, ResultNode } from "./app/result-node.ts";
export { ResultSet, type ResultSetParts, type SetMember } from "./app/result-set.ts";
export type { LastArguments, ResultOf, Task } from "./app/task.ts";
export type { RetryOptions, TaskContext } from "./app/task-context.ts";
export type {
  BaseOptions,
  ErrorClass,
  FailedRun,
  TaskDefinition,
  TaskHooks,
  TaskPublishOptions,
  TaskRun,
  TaskWorkerOptions,
} from "./app/task-definition.ts";
export {
  EncodeError,
  Ignore,
  MaxRetriesExceededError,
  NotRegistered,
  Reject,
  Retry,
  type RetryPlan,
  SoftTimeLimitExceeded,
  TaskError,
  TaskRevokedError,
  TimeLimitExceeded,
  WorkerLostError,
} from "./app/task-errors.ts";
export type { TaskDelivery, TaskRequest } from "./app/task-request.ts";
export {
  type ConnectOptions,
  type MessageRequest,
  type PublishPayload,
  type RevokedPayload,
  type SignalName,
  type SignalPayloads,
  type Signals,
  signals,
  type TaskPayload,
  type TaskSignal,
  type UnknownPayload,
  type WorkerPayload,
} from "./app/worker-signals.ts";
export {
  type Broker,
  type Guard,
  type Mark,
  type PublishOutcome,
  StaleTermError,
  UndeliverableError,
} from "./broker/broker.ts";
export type {
  BoundQueue,
  Consumer,
  ConsumeOptions,
  Delivery,
  Listener,
  Unreadable,
} from "./broker/consumer.ts";
export type { Acquired, Lease, LeaseHolder, LeaseKeeper, LeaseOwner } from "./broker/lease.ts";
export { openBroker, type OpenBrokerOptions } from "./broker/open.ts";
export { type Clock, type Instant, systemClock } from "./clock.ts";
export type { Layer } from "./config/configuration.ts";
export type { QueueDefinition, RetryPolicy } from "./config/section/task.ts";
export type { SettingName, Settings, SettingsInput } from "./config/settings.ts";
export { ConfigError, type ErrorCode, type ErrorDetails, LovageError, type Problem } from "./error.ts";
export type { Emit, LovageEvent, Occasion } from "./event.ts";
export type { Embed } from "./protocol/body.ts";
export type { Destination, Envelope, EnvelopeProperties, ExchangeType } from "./protocol/envelope.ts";
export { Signature, signature, type SignatureParts, type SignatureSettings } from "./protocol/signature.ts";
export type { TaskCall } from "./protocol/task.ts";
export { RemoteError } from "./protocol/exception.ts";
export type { TaskOptions } from "./protocol/task-options.ts";
export type { ExceptionJson, ExtendedMeta, ResultMeta, ResultRecord, ResultTuple } from "./protocol/result-meta.ts";
export { openResultBackend, type OpenResultOptions } from "./result/open.ts";
export { type ResultBackend, ResultRefusedError, type WaitOptions } from "./result/result.ts";
export { clocked } from "./schedule/clocked.ts";
export { crontab } from "./schedule/crontab.ts";
export type { DstPolicy, ExplicitDstPolicy, GapPolicy, OverlapPolicy } from "./schedule/dst.ts";
export type { Entry, EntryOptions, MissedPolicy } from "./schedule/entry.ts";
export { every } from "./schedule/interval.ts";
export {
  type DayMatch,
  isSchedule,
  type Schedule,
  type ScheduleContext,
  type ScheduleJson,
} from "./schedule/schedule.ts";
export { solar } from "./schedule/solar.ts";
export type { Changes, EntryState, Pause, Run, RunOutcome, Store, StoredState } from "./store/store.ts";
