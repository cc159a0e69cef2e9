import { hasErrors, renderGithub, renderJson, renderSarif, renderText } from "../../compiler/index.ts";
import { checkProject } from "../compile-project.ts";

type Format = "text" | "json" | "github" | "sarif";

interface CheckOptions {
  readonly format: Format;
  readonly json?: boolean;
  readonly config?: string;
}

export async function check(files: readonly string[], options: CheckOptions): Promise<void> {
  const { diagnostics, collections } = await checkProject(files, options.config);
  const format = options.json ? "json" : options.format;
  process.stdout.write(RENDERERS[format](diagnostics, process.cwd()));
  if (collections !== undefined && format === "text") process.stderr.write(`${summary(collections)}\n`);
  if (hasErrors(diagnostics)) process.exitCode = 1;
}

type Diagnostics = Parameters<typeof renderJson>[0];

const RENDERERS: Readonly<Record<Format, (diagnostics: Diagnostics, cwd: string) => string>> = {
  text: (diagnostics, cwd) => renderText(diagnostics, { cwd, color: process.stdout.isTTY === true }),
  json: (diagnostics, cwd) => renderJson(diagnostics, { cwd }),
  // An annotation's file is relative to the repository's root, wherever the command runs.
  github: (diagnostics, cwd) => renderGithub(diagnostics, { cwd: process.env.GITHUB_WORKSPACE ?? cwd }),
  sarif: (diagnostics, cwd) => renderSarif(diagnostics, { cwd }),
};

function summary(collections: number): string {
  return `${collections} ${collections === 1 ? "collection" : "collections"}, no errors`;
}
