// Where a program of this folder lies that is run as a process of its own: built, or as source.

/** @param name of a file of this folder, without its extension */
export function siblingModule(name: string): URL {
  return new URL(`./${name}${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
}
