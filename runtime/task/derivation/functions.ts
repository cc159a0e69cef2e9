import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { HaltError } from "../../../connectors/driver.ts";
import type { BundleReference, DerivationSource } from "../../../plan/plan.ts";
import type { DerivationTask } from "../task.ts";

/** A function of a flow, loaded from its bundle. */
export interface UserFunction {
  /** As messages begin with it: `The handler "orders" of "shop/enriched"`. */
  readonly title: string;
  readonly call: (...args: readonly unknown[]) => unknown;
}

/** The functions of one source. */
export interface SourceFunctions {
  readonly transform: UserFunction;
  readonly removed: UserFunction | undefined;
  /** Paths of fields, and functions that give one value or several. */
  readonly by: readonly (string | UserFunction)[];
}

/** Of every source, in their order. Throws `HaltError` where a bundle has no function. */
export function loadFunctions(task: DerivationTask): Promise<SourceFunctions[]> {
  return Promise.all(task.plan.sources.map((source) => loadSource(task, source)));
}

async function loadSource(task: DerivationTask, source: DerivationSource): Promise<SourceFunctions> {
  const { name } = source;
  const of = `of "${task.name}"`;
  const load = (reference: BundleReference, title: string) => loadFunction(task.bundleDir, reference, title);
  const [transform, removed, ...by] = await Promise.all([
    load(source.transform, name === undefined ? `The transform ${of}` : `The handler "${name}" ${of}`),
    source.removed === undefined
      ? undefined
      : load(
          source.removed,
          name === undefined ? `The removal function ${of}` : `The removal handler "${name}" ${of}`,
        ),
    ...(source.by ?? []).map((part) =>
      typeof part === "string" ? part : load(part, `The shuffle key of "${name ?? source.collection}" ${of}`),
    ),
  ]);
  return { transform, removed, by };
}

/** Node loads a module once, however many functions of the plan it stands for. */
async function loadFunction(
  directory: string,
  { bundle }: BundleReference,
  title: string,
): Promise<UserFunction> {
  const file = join(directory, `${bundle}.mjs`);
  const module: unknown = await import(pathToFileURL(file).href);
  const call = (module as { default?: unknown }).default;
  if (typeof call !== "function") {
    throw new HaltError(`${title}: the bundle ${file} has no function; build the plan again.`);
  }
  return { title, call: call as UserFunction["call"] };
}
