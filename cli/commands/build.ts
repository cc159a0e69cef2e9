import { relative, resolve } from "node:path";
import { writeBuild } from "../../compiler/index.ts";
import { buildProject } from "../compile-project.ts";

interface BuildOptions {
  readonly out: string;
  readonly json?: boolean;
  readonly config?: string;
}

export async function build(files: readonly string[], options: BuildOptions): Promise<void> {
  const { build } = await buildProject(files, options.config);
  const out = resolve(options.out);
  await writeBuild(build, out);
  const bundles = build.bundles.map(({ hash }) => hash);
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ out, planHash: build.planHash, bundles })}\n`);
    return;
  }
  const where = relative(process.cwd(), out) || ".";
  process.stderr.write(`${where}/plan.json  ${build.planHash}\n`);
  for (const hash of bundles) process.stderr.write(`${where}/bundles/${hash}.mjs\n`);
}
