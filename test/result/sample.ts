// Records as a worker would put them.
import type { ResultMeta, ResultRecord } from "../../src/protocol/result-meta.ts";

export const AT = Date.UTC(2026, 10, 21, 9, 21, 3, 438);

export function recordOf(taskId: string, more: Partial<ResultRecord> = {}): ResultRecord {
  return { taskId, state: "SUCCESS", resultText: "5", traceback: null, children: [], doneAt: AT, ...more };
}

export function startedOf(taskId: string): ResultRecord {
  return recordOf(taskId, { state: "STARTED", resultText: '{"pid": 1, "hostname": "w@h"}', doneAt: null });
}

export function failureOf(taskId: string): ResultRecord {
  const resultText = '{"exc_type": "ValueError", "exc_message": ["boom", 42], "exc_module": "builtins"}';
  return recordOf(taskId, { state: "FAILURE", resultText, traceback: "Traceback:\nValueError: boom\n" });
}

export function metaOf(taskId: string, more: Partial<ResultMeta> = {}): ResultMeta {
  const nothing = { traceback: null, children: [], groupId: null, parentId: null, extended: {} };
  return { taskId, state: "SUCCESS", result: 5, doneAt: AT, ...nothing, ...more };
}
