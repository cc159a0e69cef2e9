/**
 * How much memory a run holds at its peak over one million documents, and over ten million: capturing them from files, and,
 * in runs of their own, filling a new derivation and its target from the history that is there. Linux only: it reads /proc.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres } from "../test/servers/postgres.ts";
import type { Case, Measured } from "./case.ts";

const repository = join(import.meta.dirname, "..");
const weir = join(repository, "dist", "cli", "main.js");
const MIB = 1024 * 1024;
const SAMPLE_MS = 50;

/** `npm run bench -- memory` compares these. */
const FEW = Number(process.env.BENCH_MEMORY_DOCUMENTS ?? 1_000_000);
const MANY = FEW * 10;
/** Of the back-fill, in turn. */
const ORDER: readonly number[] = [FEW, MANY, MANY, FEW];

interface Peak {
  /** VmHWM, as the system counts it: with pages of the head's file that happen to be in memory. */
  readonly resident: number;
  /** Of RssAnon: what the process holds for itself. Sampled, so it may miss an instant. */
  readonly own: number;
  readonly seconds: number;
}

type Measures = Readonly<Record<"capture" | "backfill", ReadonlyMap<number, readonly Peak[]>>>;

let measured: Promise<Measures> | undefined;
/** Both phases once, for all cases. */
const measures = (report: (line: string) => void) => (measured ??= measureAll(report));

const caseOf = (phase: keyof Measures, of: "resident" | "own", name: string): Case => ({
  name,
  against: `the same of ${FEW.toLocaleString("en-US")} documents`,
  must: 1.1,
  aim: 1,
  measure: async (report): Promise<Measured> => {
    const peaks = (await measures(report))[phase];
    const values = (documents: number) => (peaks.get(documents) ?? []).map((peak) => peak[of] / MIB);
    return { weir: values(MANY), other: values(FEW), unit: "MiB" };
  },
});

export const memoryCases: readonly Case[] = [
  caseOf("backfill", "resident", "memory-backfill"),
  caseOf("backfill", "own", "memory-backfill-own"),
  caseOf("capture", "resident", "memory-capture"),
  caseOf("capture", "own", "memory-capture-own"),
];

async function measureAll(report: (line: string) => void): Promise<Measures> {
  const build = spawnSync(process.execPath, [join(repository, "tools", "build.ts")], { stdio: "inherit" });
  if (build.status !== 0) throw new Error("The package does not build.");
  const postgres = await startPostgres();
  const worlds = new Map<number, string>();
  const peaks = { capture: new Map<number, Peak[]>(), backfill: new Map<number, Peak[]>() };
  const add = (phase: keyof Measures, documents: number, peak: Peak) => {
    peaks[phase].set(documents, [...(peaks[phase].get(documents) ?? []), peak]);
    report(
      `${phase} of ${documents.toLocaleString("en-US")}: peak ${show(peak.resident)} MiB, of its own ${show(peak.own)} MiB, in ${peak.seconds.toFixed(0)} s`,
    );
  };
  try {
    for (const documents of [FEW, MANY]) {
      const directory = await project(documents);
      worlds.set(documents, directory);
      add("capture", documents, await run(directory, [], {}));
      rmSync(join(directory, "events.ndjson"));
    }
    for (const [round, documents] of ORDER.entries()) {
      const env = { DATABASE_URL: await postgres.createDatabase() };
      const rounds = ORDER.slice(0, round + 1).flatMap((each, i) => (each === documents ? [i] : []));
      // What was filled before stands at its end, and stays quiet. Its target is of another database.
      add("backfill", documents, await run(worlds.get(documents) ?? "", rounds.slice(-1), env));
    }
    return peaks;
  } finally {
    for (const directory of worlds.values()) rmSync(directory, { recursive: true, force: true });
    await postgres.stop();
  }
}

/** A project whose one file has so many documents of about a hundred bytes. */
async function project(documents: number): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "weir-bench-memory-"));
  mkdirSync(join(directory, "node_modules"));
  symlinkSync(repository, join(directory, "node_modules", "weir"), "dir");
  symlinkSync(join(repository, "node_modules", "zod"), join(directory, "node_modules", "zod"), "dir");
  writeFileSync(join(directory, "package.json"), '{ "name": "memory", "type": "module" }\n');
  const file = await open(join(directory, "events.ndjson"), "w");
  for (let id = 0; id < documents; ) {
    let text = "";
    for (const end = Math.min(id + 20_000, documents); id < end; id++) {
      text += `{"id":${id},"customer":"c-${(id * 7919) % 10_007}","cents":${(id * 104_729) % 10_000},"note":"${"n".repeat(40)}"}\n`;
    }
    await file.write(text);
  }
  await file.close();
  return directory;
}

/** A back-fill of each round has a derivation of its own, which reads all of history. */
function writeFlows(directory: string, rounds: readonly number[]): void {
  mkdirSync(join(directory, "flows"), { recursive: true });
  const derivations = rounds.map(
    (round) => `
events
  .derive("load/spend-${round}", {
    schema: z.object({ customer: z.string(), cents: z.int(), events: z.int() }),
    key: ["customer"],
    reduce: { cents: "sum", events: "sum" },
    transform: ({ customer, cents }) => ({ customer, cents, events: 1 }),
  })
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "spend_${round}" }));
`,
  );
  writeFileSync(
    join(directory, "flows", "load.flow.ts"),
    `import { capture, env } from "weir";
import { files } from "weir/files";
import { pg } from "weir/postgres";
import { z } from "zod";

void env;
void pg;
const events = capture("load/events", files({ path: "events.ndjson" }), {
  schema: z.object({ id: z.int(), customer: z.string(), cents: z.int(), note: z.string() }),
  key: ["id"],
});
${derivations.join("")}`,
  );
}

/** The peak of one `weir run --once` of what was built before. */
async function run(directory: string, rounds: readonly number[], env: Record<string, string>): Promise<Peak> {
  writeFlows(directory, rounds);
  const built = spawnSync(process.execPath, [weir, "build"], { cwd: directory, encoding: "utf8" });
  if (built.status !== 0) throw new Error(`weir build failed: ${built.stderr}`);
  const started = performance.now();
  const child = spawn(process.execPath, [weir, "run", "--plan", "weir-build", "--once"], {
    cwd: directory,
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (part: string) => {
    said = (said + part).slice(-4_000);
  });
  let peak = { resident: 0, own: 0 };
  const sampling = setInterval(() => {
    peak = sample(child.pid, peak);
  }, SAMPLE_MS);
  await once(child, "close");
  clearInterval(sampling);
  if (child.exitCode !== 0) throw new Error(`weir run failed: ${said}`);
  return { ...peak, seconds: (performance.now() - started) / 1000 };
}

function sample(pid: number | undefined, before: Omit<Peak, "seconds">): Omit<Peak, "seconds"> {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return before; // it has ended
  }
  const bytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0) * 1024;
  return {
    resident: Math.max(before.resident, bytes("VmHWM")),
    own: Math.max(before.own, bytes("RssAnon")),
  };
}

function show(bytes: number): string {
  return (bytes / MIB).toFixed(0);
}
