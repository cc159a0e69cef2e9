/** A project on the disk with a data directory and targets of its own: compiles flows, runs them to rest, and reads what is there. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { lastRun } from "../../cli/last-run.ts";
import { runtimeConfig } from "../../cli/runtime-config.ts";
import { targetFit } from "../../cli/target-fit.ts";
import { diff, type PlanDiff } from "../../compiler/diff/index.ts";
import {
  type CompiledBuild,
  compile,
  loadConfig,
  type ResolvedConfig,
  renderText,
  writeBuild,
} from "../../compiler/index.ts";
import type { Plan } from "../../plan/plan.ts";
import { readLines } from "../../runtime/journal/read-lines.ts";
import { APPLIED_PLAN } from "../../runtime/notes.ts";
import { openAtRest } from "../../runtime/open-at-rest.ts";
import { dropByName, keptNames } from "../../runtime/rebuild/drop.ts";
import { noteOf, rebuildAtRest } from "../../runtime/rebuild/rebuild.ts";
import { type RunnableBuild, Runtime, type RuntimeEvent } from "../../runtime/runtime.ts";
import type { Fault } from "../faults/fault.ts";
import { FaultFiles } from "../faults/fault-files.ts";
import { withClient } from "../servers/postgres.ts";
import { withRedis } from "../servers/redis.ts";
import type { Document } from "./oracle.ts";

const MAIN = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
const PRELOAD = fileURLToPath(new URL("../faults/preload.ts", import.meta.url));

/** A machine that does much else beside still comes to rest in that time. */
const SETTLED_WITHIN_MS = 120_000;
const LOOK_MS = 25;

export type Build = CompiledBuild & RunnableBuild;

/** Flows that are written and compiled, whoever runs them. */
export class Project {
  readonly directory: string;
  readonly #builds = new Map<string, Build>();

  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(join(directory, "flows"), { recursive: true });
  }

  write(name: string, content: string): void {
    writeFileSync(join(this.directory, name), content);
  }

  /** Throws with the diagnostics where the flows are wrong: then it is the generator that is. */
  async compile(flows: string): Promise<Build> {
    const known = this.#builds.get(flows);
    if (known) return known;
    const file = "flows/shop.flow.ts";
    this.write(file, flows);
    const { diagnostics, build } = await compile({
      projectDir: this.directory,
      files: [join(this.directory, file)],
      targetFit,
    });
    if (!build) {
      const said = renderText(diagnostics, { cwd: this.directory, color: false });
      throw new Error(`The flow does not compile:\n${said}\n${flows}`);
    }
    const directory = join(this.directory, "builds", build.planHash);
    await writeBuild(build, directory);
    const built = { ...build, directory };
    this.#builds.set(flows, built);
    return built;
  }
}

export interface Ran {
  /** Tasks, and targets that could not be swapped. */
  readonly halted: readonly string[];
  readonly log: readonly string[];
}

export interface PlaceOptions {
  readonly project: Project;
  /** Below the project's directory. */
  readonly name: string;
  readonly database: string;
  readonly redis: string;
}

export class Place {
  readonly #options: PlaceOptions;
  readonly #config: ResolvedConfig;

  private constructor(options: PlaceOptions, config: ResolvedConfig) {
    this.#options = options;
    this.#config = config;
  }

  static async make(options: PlaceOptions): Promise<Place> {
    const { project, name } = options;
    const file = `${name}.config.ts`;
    project.write(
      file,
      `import { defineConfig } from "weir";\nexport default defineConfig({ dataDir: ".${name}", http: { port: 0 } });\n`,
    );
    return new Place(options, await loadConfig(project.directory, join(project.directory, file)));
  }

  get #env(): Readonly<Record<string, string>> {
    return { DATABASE_URL: this.#options.database, REDIS_URL: this.#options.redis };
  }

  get #runtime() {
    return { ...runtimeConfig(this.#config), allowDestructive: true };
  }

  /** `weir run --once`. Throws where it is refused. */
  async run(build: Build): Promise<Ran> {
    return this.#during(build, async (runtime, fatal) => {
      const until = performance.now() + SETTLED_WITHIN_MS;
      while ((await runtime.left()) !== "nothing") {
        if (fatal() !== undefined) throw new Error(`The runtime failed: ${fatal()}`);
        if (performance.now() > until) {
          const { tasks, rebuild } = await runtime.status();
          const states = tasks.map(({ name, state, lastError }) => `${name} ${state} ${lastError ?? ""}`);
          throw new Error(`It did not come to rest: ${states.join("; ")}; ${JSON.stringify(rebuild)}`);
        }
        await sleep(LOOK_MS);
      }
    });
  }

  /** Begins, and is stopped after so many ms. Throws where it is refused. */
  async begin(build: Build, ms: number): Promise<Ran> {
    return this.#during(build, () => sleep(ms));
  }

  async #during(
    build: Build,
    use: (runtime: Runtime, fatal: () => string | undefined) => Promise<void>,
  ): Promise<Ran> {
    const log: string[] = [];
    let fatal: string | undefined;
    const runtime = await Runtime.start(build, this.#runtime, this.#env, (event) => {
      log.push(textOf(event));
      if (event.kind === "fatal") fatal = event.message;
    });
    try {
      await use(runtime, () => fatal);
      return { halted: runtime.halted, log };
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${log.join("\n")}`, {
        cause: error,
      });
    } finally {
      await runtime.stop();
    }
  }

  /** `weir run --once` in a process of its own, which is killed at that point. Whether it came that far. */
  async kill(build: Build, fault: Fault): Promise<boolean> {
    const { directory } = this.#options.project;
    const faults = new FaultFiles(join(directory, "faults"));
    faults.arm(fault);
    const args = ["run", "--once", "--allow", "destructive", "--plan", build.directory];
    const child = spawn(
      process.execPath,
      ["--conditions=weir-source", MAIN, ...args, "--config", `${this.#options.name}.config.ts`],
      {
        cwd: directory,
        stdio: ["ignore", "ignore", "pipe"],
        env: {
          ...process.env,
          ...this.#env,
          NODE_OPTIONS: `--import=${PRELOAD}`,
          WEIR_FAULTS: join(directory, "faults"),
        },
      },
    );
    const [stderr] = await Promise.all([text(child.stderr), once(child, "exit")]);
    const fired = existsSync(faults.fired);
    faults.disarm();
    if (!fired && child.exitCode !== 0) throw new Error(`weir run ended with ${child.exitCode}:\n${stderr}`);
    return fired;
  }

  /** As `weir diff` without a BASE. */
  async diff(build: Build): Promise<PlanDiff> {
    const { plan, sizes } = await lastRun(this.#config);
    return diff(plan, build.plan, sizes);
  }

  /** What the data directory holds, by what it says itself. */
  async atRest(collections: readonly string[]): Promise<AtRest> {
    const { head, store, close } = await openAtRest(this.#runtime, process.env);
    try {
      const rows = new Map<string, readonly Document[]>();
      for (const collection of collections) {
        const request = { collection, reduced: true };
        const lines = readLines(head, store, request, new AbortController().signal);
        rows.set(collection, parsed(await text(Readable.from(lines))));
      }
      return {
        rows,
        rebuilt: (await rebuildAtRest(head))?.names ?? [],
        applied: await noteOf<Plan>(head, APPLIED_PLAN),
        kept: await keptNames(head),
      };
    } finally {
      await close();
    }
  }

  /** `weir drop`, of all that is kept. */
  async drop(names: readonly string[]): Promise<void> {
    const { head, close } = await openAtRest(this.#runtime, process.env);
    try {
      const { baseDir } = this.#runtime.settings;
      for (const name of names)
        await dropByName(head, name, { environment: this.#env, baseDir, tell: () => {} });
    } finally {
      await close();
    }
  }

  /** The rows of a table by its columns' names, as texts. */
  table(name: string): Promise<readonly Row[]> {
    return withClient(this.#options.database, async (client) => {
      const { rows } = await client.query<Record<string, unknown>>(`SELECT * FROM ${name}`);
      return rows.map((row) =>
        Object.fromEntries(Object.entries(row).map(([k, v]) => [k, textOrNothing(v)])),
      );
    });
  }

  /** The rows at the keys that begin so, by their fields, as texts. */
  keys(name: string): Promise<readonly Row[]> {
    return withRedis(this.#options.redis, async (redis) => {
      const rows: Row[] = [];
      for (const key of (await redis.keys(`${name}:*`)).sort()) {
        const type = await redis.type(key);
        const row = type === "hash" ? await redis.hgetall(key) : JSON.parse((await redis.get(key)) ?? "null");
        rows.push(Object.fromEntries(Object.entries(row).map(([k, v]) => [k, textOrNothing(v)])));
      }
      return rows;
    });
  }

  remove(): void {
    rmSync(this.#options.project.directory, { recursive: true, force: true });
  }
}

export interface AtRest {
  /** By collection, reduced. */
  readonly rows: ReadonlyMap<string, readonly Document[]>;
  /** What is still being made again. */
  readonly rebuilt: readonly string[];
  readonly applied: Plan | undefined;
  readonly kept: readonly string[];
}

/** By column or field; absent where there is no value. */
export type Row = Readonly<Record<string, string | undefined>>;

export function textOrNothing(value: unknown): string | undefined {
  return value === null || value === undefined ? undefined : String(value);
}

function parsed(ndjson: string): Document[] {
  return ndjson
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Document); // written by `weir read`
}

function textOf(event: RuntimeEvent): string {
  return JSON.stringify(event);
}
