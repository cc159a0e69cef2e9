/** Reads what `weir build` wrote, and believes none of it unseen: the plan fits its schema, each bundle is there. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { BuildError } from "./build-error.ts";
import { bundlesOf } from "./bundle-references.ts";
import { planHash, sha256 } from "./canonical.ts";
import { CHECKSUMS_FILE, parseChecksums } from "./checksums.ts";
import { type ParentHash, readParent } from "./parent.ts";
import { PLAN_FORMAT_VERSION, type Plan } from "./plan.ts";

export interface Build {
  readonly plan: Plan;
  readonly planHash: string;
  /** What is to have run before it; undefined for whatever did. */
  readonly parentHash: ParentHash | undefined;
  /** Absolute paths of the functions' bundles, by their hash. */
  readonly bundles: ReadonlyMap<string, string>;
}

/**
 * Reads `plan.json` in `directory`. Throws `BuildError` where it is missing, is no JSON, does not fit
 * `plan/schema.json`, or names a bundle whose file is missing or is not the one that was built.
 */
export async function readBuild(directory: string): Promise<Build> {
  const text = await readFile(join(directory, "plan.json"), "utf8").catch((cause: unknown) => {
    throw new BuildError(
      "WEIR5001",
      `There is no plan.json in ${directory}. Run \`weir build --out ${directory}\` first.`,
      { cause },
    );
  });
  const plan = await parsePlan(text, join(directory, "plan.json"));
  const hashes = bundlesOf(plan);
  const checksums = await readChecksums(directory, hashes.size > 0);
  const bundles = new Map<string, string>();
  for (const hash of hashes) {
    const path = join(directory, "bundles", `${hash}.mjs`);
    const code = await readFile(path, "utf8").catch((cause: unknown) => {
      throw new BuildError(
        "WEIR5003",
        `The plan names the bundle ${hash}, but ${path} is missing. Build again.`,
        { cause },
      );
    });
    if (checksums.get(`${hash}.mjs`) !== sha256(code)) {
      throw new BuildError("WEIR5003", `The bundle ${path} is not as it was built. Build again.`);
    }
    bundles.set(hash, path);
  }
  return { plan, planHash: planHash(plan), parentHash: await readParent(directory), bundles };
}

async function readChecksums(directory: string, needed: boolean): Promise<ReadonlyMap<string, string>> {
  if (!needed) return new Map();
  const path = join(directory, "bundles", CHECKSUMS_FILE);
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new BuildError("WEIR5003", `There is no ${path}. Build again.`, { cause });
  });
  return parseChecksums(text);
}

/** Parses and validates a plan's text. `name` stands for it in messages. Throws `BuildError`. */
export async function parsePlan(text: string, name: string): Promise<Plan> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new BuildError("WEIR5001", `${name} is not JSON. Build again.`, { cause });
  }
  const { fitsPlanSchema } = await import("./plan-validator.ts");
  if (fitsPlanSchema(value)) return value;
  const version: unknown = Object(value).formatVersion;
  if (version !== PLAN_FORMAT_VERSION) {
    throw new BuildError(
      "WEIR5002",
      `${name} is not a plan of this version of Weir: its formatVersion is ${JSON.stringify(version) ?? "missing"}, not ${PLAN_FORMAT_VERSION}. Build again.`,
    );
  }
  const [error] = fitsPlanSchema.errors ?? [];
  const place = error?.instancePath ? ` at ${error.instancePath}` : "";
  throw new BuildError(
    "WEIR5002",
    `${name} is not a plan of this version of Weir${place}: ${error?.message ?? "it does not fit"}. Build again.`,
  );
}
