// URLs of pings that hold a login: how they are fetched, which `fetch` does not do by itself, and how they may be shown.

export interface PingRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A login goes where servers look for it, the Authorization header: a URL that holds one is not fetched. */
export function pingRequest(written: string): PingRequest {
  const url = new URL(written);
  const headers = { "user-agent": "lovage" };
  if (!hasLogin(url)) return { url: url.href, headers };
  const login = `${decoded(url.username)}:${decoded(url.password)}`;
  url.username = "";
  url.password = "";
  return { url: url.href, headers: { ...headers, authorization: `Basic ${Buffer.from(login).toString("base64")}` } };
}

/** Without what is secret in its login: the password, or where there is none, the name, which then is a key. */
export function shownUrl(written: string): string {
  const url = new URL(written);
  if (!hasLogin(url)) return written;
  if (url.password === "") url.username = "***";
  else url.password = "***";
  return url.href;
}

function hasLogin({ username, password }: URL): boolean {
  return username !== "" || password !== "";
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // A percent sign that nobody has encoded.
    return part;
  }
}
