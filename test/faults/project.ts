/** Projects of the rounds: one with a history is made once, and every round works on a copy of it. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../servers/free-port.ts";
import { WeirProcess } from "../servers/weir-process.ts";

/** Inside the repository, so that flow files find `weir` and `zod` as a user's would. */
const SCRATCH = fileURLToPath(new URL("../../.scratch/", import.meta.url));

/** What says where to find the process that runs there: whoever asks the copy must not ask that one. */
const LIVE = /(control\.sock|running\.json)$/;

export type StoreConfig = { readonly kind: "directory" } | ({ readonly kind: "s3" } & S3Config);
export interface S3Config {
  readonly endpoint: string;
  readonly bucket: string;
  readonly prefix: string;
}

/** Flow files by name, of each plan that will be run. */
export type Plans = Readonly<Record<string, Readonly<Record<string, string>>>>;

export function newDirectory(): string {
  mkdirSync(SCRATCH, { recursive: true });
  return mkdtempSync(join(SCRATCH, "f-"));
}

export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
}

/** Writes and builds each plan into a directory of its name; nothing is compiled after that. */
export async function buildPlans(directory: string, plans: Plans): Promise<void> {
  writeConfig(directory, 0, { kind: "directory" });
  const weir = new WeirProcess({ directory });
  for (const [plan, files] of Object.entries(plans)) {
    const paths = Object.entries(files).map(([name, text]) => {
      const path = join("flows", plan, name);
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), text);
      return path;
    });
    const { code, stderr } = await weir.command("build", ...paths, "--out", plan);
    if (code !== 0) throw new Error(`The plan "${plan}" does not compile:\n${stderr}`);
  }
}

/** A copy, as it is, for a process of its own: another port, and another place in the store where that is not inside. */
export async function copyProject(
  from: string,
  store: StoreConfig,
): Promise<{ directory: string; origin: string }> {
  const directory = newDirectory();
  cpSync(from, directory, { recursive: true, filter: (path) => !LIVE.test(path) });
  const port = await freePort();
  writeConfig(directory, port, store);
  return { directory, origin: `http://127.0.0.1:${port}` };
}

export function writeConfig(directory: string, port: number, store: StoreConfig): void {
  const place =
    store.kind === "directory"
      ? ""
      : `store: { s3: { bucket: ${JSON.stringify(store.bucket)}, prefix: ${JSON.stringify(store.prefix)}, endpoint: ${JSON.stringify(store.endpoint)}, pathStyle: true, accessKeyId: "test", secretAccessKey: "test" } },`;
  writeFileSync(
    join(directory, "weir.config.ts"),
    `import { defineConfig } from "weir";\nexport default defineConfig({ http: { port: ${port} }, fragments: { targetBytes: 8_000, maxAgeSeconds: 1 }, ${place} });\n`,
  );
}
