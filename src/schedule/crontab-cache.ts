// Equal crontabs share what was worked out for them, so that a million entries do not hold it a million times.

/** Enough for every crontab in daily use; beyond it a cache starts over, so that odd ones cannot fill the memory. */
const CACHE_SIZE = 50_000;

/** What the cache holds for the key, made if need be. */
export function remember<T>(cache: Map<string, T>, key: string, make: () => T): T {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const made = make();
  if (cache.size >= CACHE_SIZE) cache.clear();
  cache.set(key, made);
  return made;
}
