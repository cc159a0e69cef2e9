import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { freePort } from "../servers/free-port.ts";
import { WeirProcess } from "../servers/weir-process.ts";

/** Inside the repository, so that flow files find `weir` and `zod` as a user's would. */
const SCRATCH = fileURLToPath(new URL("../../.scratch/", import.meta.url));

export interface Project {
  readonly directory: string;
  /** Where its HTTP captures listen. */
  readonly origin: string;
  readonly weir: WeirProcess;
  write(name: string, content: string): void;
}

/** A user's project with these files, removed with its processes when the test ends. */
export async function project(
  files: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
  config = "",
  http: Readonly<Record<string, number>> = {},
): Promise<Project> {
  mkdirSync(SCRATCH, { recursive: true });
  const directory = mkdtempSync(join(SCRATCH, "p-"));
  const port = await freePort();
  const write = (name: string, content: string) => {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  };
  write(
    "weir.config.ts",
    `import { defineConfig, env } from "weir";\nvoid env;\nexport default defineConfig({ http: ${JSON.stringify({ port, ...http })}, ${config} });\n`,
  );
  for (const [name, content] of Object.entries(files)) write(name, content);
  const weir = new WeirProcess({ directory, env });
  onTestFinished(async () => {
    await weir.kill();
    rmSync(directory, { recursive: true, force: true });
  });
  return { directory, origin: `http://127.0.0.1:${port}`, weir, write };
}

/** Posts NDJSON. */
export async function post(
  url: string,
  documents: readonly object[],
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson", ...headers },
    body: documents.map((document) => `${JSON.stringify(document)}\n`).join(""),
  });
  return { status: response.status, body: await response.json() };
}
