// Real services come from Debian: what is missing is installed where that is possible, else the tests that need it skip.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

export type ServiceName = "redis" | "celery" | "systemd";

interface Package {
  readonly names: readonly string[];
  readonly present: () => boolean;
}

const python = "/usr/bin/python3";

const packages: Readonly<Record<ServiceName, Package>> = {
  redis: { names: ["redis-server"], present: () => onPath("redis-server") },
  /** Its programs alone: nothing is started by it. */
  systemd: { names: ["systemd"], present: () => onPath("systemd-analyze") },
  celery: {
    names: ["celery", "python3-redis", "python3-ephem"],
    present: () => existsSync(python) && spawnSync(python, ["-c", "import celery, redis, ephem"]).status === 0,
  },
};

const known = new Map<ServiceName, boolean>();

/** True when the service can be started here; use it with `describe.skipIf(!requireService("redis"))`. */
export function requireService(name: ServiceName): boolean {
  const before = known.get(name);
  if (before !== undefined) return before;
  const { names, present } = packages[name];
  const found = present() || (canInstall() && install(names) && present());
  known.set(name, found);
  return found;
}

function onPath(program: string): boolean {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin", "/usr/sbin"];
  return folders.some((folder) => existsSync(join(folder, program)));
}

function canInstall(): boolean {
  if (process.getuid?.() !== 0 || !existsSync("/etc/os-release")) return false;
  return /^ID(_LIKE)?=.*debian/m.test(readFileSync("/etc/os-release", "utf8"));
}

/** Several test files may come here at once: apt waits for its own lock. */
function install(names: readonly string[]): boolean {
  const lock = ["-o", "DPkg::Lock::Timeout=300"];
  const options = { stdio: "ignore", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } } as const;
  try {
    execFileSync("apt-get", [...lock, "update", "-qq"], options);
    execFileSync("apt-get", [...lock, "install", "-y", "-qq", "--no-install-recommends", ...names], options);
    return true;
  } catch {
    return false;
  }
}
