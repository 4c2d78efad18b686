// What tells an App, whichever copy of this package made it.
import type { App } from "./app.ts";

/** The same for every copy of this package that a process may have loaded. */
export const appBrand = Symbol.for("lovage.App");

/** Whether a value is an App, of this copy of the package or of another. */
export function isApp(value: unknown): value is App {
  return typeof value === "object" && value !== null && (value as { [appBrand]?: unknown })[appBrand] === true;
}
