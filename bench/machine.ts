/** What figures were measured on. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { postgresBinaries } from "../test/servers/postgres-binaries.ts";
import { systemBinary } from "../test/servers/system-binary.ts";

const run = promisify(execFile);

export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGiB: number;
  readonly node: string;
  readonly postgres: string;
  readonly redis: string;
}

export async function thisMachine(): Promise<Machine> {
  const spare = await mkdtemp(join(tmpdir(), "weir-bench-"));
  try {
    const { postgres } = await postgresBinaries(undefined, join(spare, "native"));
    return {
      cores: availableParallelism(),
      processor: cpus()[0]?.model ?? "unknown",
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      node: process.versions.node,
      // "postgres (PostgreSQL) 18.4" and "Redis server v=7.0.15 sha=…"
      postgres: await versionOf(postgres, /([\d.]+)\s*$/),
      redis: await versionOf(
        await systemBinary("redis-server", "redis-server", "A benchmark needs"),
        /v=([\d.]+)/,
      ),
    };
  } finally {
    await rm(spare, { recursive: true, force: true });
  }
}

async function versionOf(program: string, version: RegExp): Promise<string> {
  const { stdout } = await run(program, ["--version"], { cwd: "/" });
  return version.exec(stdout)?.[1] ?? "unknown";
}
