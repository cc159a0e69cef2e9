import { relative, resolve } from "node:path";
import type { ResolvedConfig } from "../../compiler/index.ts";
import { writeBuild } from "../../compiler/index.ts";
import { planHash } from "../../plan/canonical.ts";
import type { ParentHash } from "../../plan/parent.ts";
import { buildProject } from "../compile-project.ts";
import { diffBase } from "../diff-base.ts";

interface BuildOptions {
  readonly out: string;
  /** BASE as `weir diff` takes it; true for what last ran in the data directory. */
  readonly parent?: string | true;
  readonly json?: boolean;
  readonly config?: string;
}

export async function build(files: readonly string[], options: BuildOptions): Promise<void> {
  const { build, config } = await buildProject(files, options.config);
  const out = resolve(options.out);
  const parentHash = await parentHashOf(options.parent, files, config);
  await writeBuild(build, out, parentHash);
  const bundles = build.bundles.map(({ hash }) => hash);
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ out, planHash: build.planHash, parentHash, bundles })}\n`);
    return;
  }
  const where = relative(process.cwd(), out) || ".";
  process.stderr.write(`${where}/plan.json  ${build.planHash}\n`);
  if (parentHash !== undefined) process.stderr.write(`${where}/parent.json  ${parentHash ?? "nothing"}\n`);
  for (const hash of bundles) process.stderr.write(`${where}/bundles/${hash}.mjs\n`);
}

async function parentHashOf(
  base: BuildOptions["parent"],
  files: readonly string[],
  config: ResolvedConfig,
): Promise<ParentHash | undefined> {
  if (base === undefined) return undefined;
  const { plan } = await diffBase(base === true ? undefined : base, files, config);
  return plan === undefined ? null : planHash(plan);
}
