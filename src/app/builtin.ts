// The tasks that every app has without writing them, under Celery's names.
import type { App } from "./app.ts";

/** Removes results that have expired, where their backend does not do so by itself. */
export const cleanupTask = "celery.backend_cleanup";

export function registerBuiltins(app: App): void {
  app.task(cleanupTask, async () => (await app.backend())?.cleanup());
}
