// URLs of brokers and result backends as people write them, and as they may be shown.

/** The URL without its password: `redis://user:***@host/0`. Safe for log lines, errors and the monitor. */
export function maskUrl(url: string): string {
  // Not by a URL parser: what is shown in an error is often the URL that no parser takes, or a list of several.
  return url
    .split("://")
    .map(maskLogin)
    .join("://")
    .replaceAll(/([?&]password=)[^&]*/g, "$1***");
}

/** `redis` of `redis://host`; undefined where there is no scheme. */
export function schemeOf(url: string): string | undefined {
  return /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase();
}

function maskLogin(part: string): string {
  const end = part.lastIndexOf("@");
  const colon = part.indexOf(":");
  return end === -1 || colon === -1 || colon > end ? part : `${part.slice(0, colon)}:***${part.slice(end)}`;
}
