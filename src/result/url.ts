// Result backend URLs as people write them, and as they may be shown.

/** The URL without its password: `redis://user:***@host/1`. */
export function maskUrl(url: string): string {
  // Not by a URL parser: what is shown in an error is often the URL that no parser takes.
  return url
    .split(";")
    .map((part) => part.replace(/^([a-z][a-z0-9+.-]*:\/\/)?([^:/?]*):.*@/i, "$1$2:***@"))
    .join(";")
    .replaceAll(/([?&]password=)[^&;]*/g, "$1***");
}

/** `redis` of `redis://host`; undefined where there is no scheme. */
export function schemeOf(url: string): string | undefined {
  return /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase();
}
