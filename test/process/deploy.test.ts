import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, rename, symlink } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { packageRoot, writeFiles } from "../helper/beat-process.ts";
import { requireService } from "../helper/debian.ts";
import { deploy, exampleProject, inPlace, type Places, until } from "../helper/deployment.ts";
import { freePort } from "../helper/port.ts";
import { startRedis } from "../helper/redis.ts";
import { type RunningProgram, startProgram } from "../helper/service.ts";
import { temporaryFolder, type TemporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

interface Service {
  readonly entrypoint?: readonly string[];
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly healthcheck: { readonly test: readonly string[] };
}

interface Container {
  readonly command?: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly startupProbe: HttpProbe;
  readonly livenessProbe: HttpProbe;
  readonly readinessProbe: HttpProbe & { readonly exec: { readonly command: readonly string[] } };
}

interface HttpProbe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Manifest {
  readonly kind: string;
  readonly data: Readonly<Record<string, string>>;
  readonly spec: {
    readonly replicas: number;
    readonly template: { readonly spec: { readonly containers: readonly Container[]; readonly volumes: unknown } };
  };
}

/** The commands of the image on the path, as the Dockerfile puts them there. */
async function binFolder(folder: TemporaryFolder): Promise<string> {
  const bin = folder.file("bin");
  await mkdir(bin);
  for (const [name, file] of Object.entries({ beat: "beat.js", worker: "worker.js", lovage: "main.js" })) {
    await symlink(join(packageRoot, "dist/cli", file), join(bin, name));
  }
  return `${bin}:${process.env["PATH"]}`;
}

async function answers(port: number, path: string, ...anyOf: readonly string[]): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  const body = await response.text();
  return response.status === 200 && (anyOf.length === 0 || anyOf.some((text) => body.includes(text)));
}

/** By the alert rules, which the page shows as they are. */
async function metricsNamed(): Promise<readonly string[]> {
  const page = await readFile(join(packageRoot, "docs/production.md"), "utf8");
  const { groups } = parse(await deploy("prometheus/lovage-rules.yaml")) as {
    groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
  };
  const rules = groups.flatMap((group) => group.rules);
  for (const { alert, expr } of rules) expect(page).toContain(`| ${alert} | \`${expr}\` |`);
  return [...new Set(rules.flatMap(({ expr }) => expr.match(/lovage_\w+/g) ?? []))];
}

function succeeds([command = "", ...args]: readonly string[], cwd: string, env: Places): boolean {
  return spawnSync(command, args, { cwd, env: { ...process.env, ...env }, timeout: 30_000 }).status === 0;
}

describe.skipIf(!requireService("redis"))("deploy/docker-compose.yaml", () => {
  it("starts Redis, beat and worker that run the example project, and whose health checks pass", async () => {
    await using folder = temporaryFolder();
    const { services } = parse(await deploy("docker-compose.yaml")) as { services: Readonly<Record<string, Service>> };
    const { redis: server, beat, worker } = services;
    if (server === undefined || beat === undefined || worker === undefined) throw new Error("a service is missing");
    const [program, ...args] = server.command;
    expect(program).toBe("redis-server");
    await using redis = await startRedis({ args });
    const [PATH, project, port] = [await binFolder(folder), await exampleProject(folder), await freePort()];
    await mkdir(folder.file("data"));
    const places = {
      "redis://redis:6379": redis.url.replace("/0", ""),
      "/data/": `${folder.path}/data/`,
      "0.0.0.0:8787": `127.0.0.1:${port}`,
      "$$(hostname)": hostname(),
    };
    const files = await readdir(project, { recursive: true });
    const start = async ({ entrypoint = ["beat"], command, environment }: Service): Promise<Started> => {
      const env = Object.fromEntries(
        Object.entries(environment).map(([name, value]) => [name, inPlace(value, places)]),
      );
      const [name = "", ...first] = entrypoint;
      const given = [...first, ...command].map((word) => inPlace(word, places));
      return {
        program: await startProgram(name, given, { cwd: project, env: { ...env, PATH } }),
        env: { ...env, PATH },
      };
    };
    const running = [await start(beat), await start(worker)];
    const [beatRuns, workerRuns] = running as [Started, Started];
    try {
      await until(workerRuns.program, /Task proj\.hello\[.+ succeeded/);
      await until(beatRuns.program, "leading scope proj");
      expect(beat.healthcheck.test[0]).toBe("CMD");
      expect(succeeds(beat.healthcheck.test.slice(1), project, beatRuns.env)).toBe(true);
      const [kind, script = ""] = worker.healthcheck.test;
      expect(kind).toBe("CMD-SHELL");
      expect(succeeds(["sh", "-c", inPlace(script, places)], project, workerRuns.env)).toBe(true);
      expect(await answers(port, "/healthz")).toBe(true);
      for (const name of await metricsNamed())
        expect(await answers(port, "/metrics", `${name}{`, `${name} `), name).toBe(true);
      // It is mounted read-only.
      expect(await readdir(project, { recursive: true })).toEqual(files);
    } finally {
      for (const { program } of running) await program.stop();
    }
    expect(running.map(({ program }) => program.exitCode())).toEqual([0, 0]);
    expect(succeeds(beat.healthcheck.test.slice(1), project, beatRuns.env)).toBe(false);
  });
});

interface Started {
  readonly program: RunningProgram;
  readonly env: Readonly<Record<string, string>>;
}

describe.skipIf(!requireService("redis"))("deploy/kubernetes", () => {
  it("runs two beats of which one leads, answers the probes, takes over an edited ConfigMap and a lead given up", async () => {
    await using folder = temporaryFolder();
    await using redis = await startRedis();
    const manifests = await manifestsOf("beat.yaml");
    const container = containerOf(manifests);
    const deployment = manifests.find(({ kind }) => kind === "Deployment");
    const data = manifests.find(({ kind }) => kind === "ConfigMap")?.data ?? {};
    const [PATH, swap] = [await binFolder(folder), await configMap(folder, data)];
    const paths = container.volumeMounts.map(({ mountPath }) => mountPath);
    for (const path of ["/schedules", "/var/lib/lovage"]) expect(paths).toContain(path);
    expect(container.ports).toEqual([{ name: "http", containerPort: 8787 }]);
    expect(deployment?.spec.replicas).toBe(2);

    const pods = await Promise.all(
      [1, 2].map(async (pod) => {
        const [record, port] = [folder.file(`record-${pod}`), await freePort()];
        await mkdir(record);
        const schedules = folder.file("schedules");
        const places = { "/schedules": schedules, "/var/lib/lovage": record, "0.0.0.0:8787": `127.0.0.1:${port}` };
        const env = { PATH, CELERY_BROKER_URL: redis.url };
        const program = await startProgram(
          "beat",
          container.args.map((word) => inPlace(word, places)),
          { env },
        );
        return { program, port };
      }),
    );
    const outputs = (): string => pods.map(({ program }) => program.output()).join("\n");
    try {
      for (const { port } of pods) {
        for (const { httpGet } of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
          expect(httpGet.port).toBe("http");
          const isThere = (): Promise<boolean> => answers(port, httpGet.path);
          await waitUntil(isThere, { what: httpGet.path, timeoutMs: 60_000, detail: outputs });
        }
      }
      const ready = await Promise.all(
        pods.map(({ port }) => answers(port, container.readinessProbe.httpGet.path, "stands by")),
      );
      expect(ready.filter(Boolean)).toHaveLength(1);
      const [leader, standby] = ready[0] === true ? [pods[1], pods[0]] : [pods[0], pods[1]];
      if (leader === undefined || standby === undefined) throw new Error("two beats were started");

      await swap({ "shop.yaml": (data["shop.yaml"] ?? "").replace("30s", "20s") });
      await until(leader.program, "1 rescheduled");
      await until(standby.program, /reload-applied/);
      await leader.program.stop();
      await until(standby.program, "leading scope shop with 2 entries");
    } finally {
      for (const { program } of pods) await program.stop();
    }
    expect(pods.map(({ program }) => program.exitCode())).toEqual([0, 0]);
  });

  it("runs a worker that its probe finds by the pod's name", async () => {
    await using folder = temporaryFolder();
    await using redis = await startRedis();
    const container = containerOf(await manifestsOf("worker.yaml"));
    const [PATH, project] = [await binFolder(folder), await exampleProject(folder)];
    const env = { PATH, POD_NAME: "lovage-worker-1", CELERY_BROKER_URL: redis.url, CELERY_RESULT_BACKEND: redis.url };
    for (const { name } of container.env) expect(Object.keys(env)).toContain(name);
    const args = container.args.map((word) => word.replace(/\$\((\w+)\)/g, (_, name: keyof typeof env) => env[name]));
    const worker = await startProgram(container.command?.[0] ?? "", args, { cwd: project, env });
    try {
      await until(worker, "worker-ready");
      expect(succeeds(container.readinessProbe.exec.command, project, env)).toBe(true);
      expect(succeeds(container.readinessProbe.exec.command, project, { ...env, POD_NAME: "another" })).toBe(false);
    } finally {
      await worker.stop();
    }
  });
});

async function manifestsOf(file: string): Promise<readonly Manifest[]> {
  return parseAllDocuments(await deploy(`kubernetes/${file}`)).map((document) => document.toJS() as Manifest);
}

function containerOf(manifests: readonly Manifest[]): Container {
  const found = manifests.find(({ kind }) => kind === "Deployment")?.spec.template.spec.containers[0];
  if (found === undefined) throw new Error("there is no container");
  return found;
}

/** As the kubelet mounts it: links into a folder behind a link that is swapped as a whole. */
async function configMap(
  folder: TemporaryFolder,
  data: Readonly<Record<string, string>>,
): Promise<(data: Readonly<Record<string, string>>) => Promise<void>> {
  const mount = folder.file("schedules");
  let version = 0;
  const swap = async (files: Readonly<Record<string, string>>): Promise<void> => {
    version += 1;
    await writeFiles(join(mount, `..v${version}`), files);
    await symlink(`..v${version}`, join(mount, "..data_tmp"));
    await rename(join(mount, "..data_tmp"), join(mount, "..data"));
  };
  await mkdir(mount);
  await swap(data);
  for (const name of Object.keys(data)) await symlink(join("..data", name), join(mount, name));
  return swap;
}
