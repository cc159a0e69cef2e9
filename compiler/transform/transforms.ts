/** From the derivations' functions to their bundles: one for each distinct function. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { JsonSchema } from "../../plan/plan.ts";
import type { Declared, Origins } from "../declared.ts";
import { type DerivationFunction, functionsOf } from "../derivation-functions.ts";
import { type Diagnostic, diagnostic, type Place } from "../diagnostics/diagnostic.ts";
import type { FunctionFacts } from "../evaluate/function-facts.ts";
import { aimAt } from "../typescript/calls.ts";
import type { FlowProgram } from "../typescript/program.ts";
import {
  type FoundTransform,
  findTransform,
  sliceOf,
  surplusOf,
  TRANSFORM_EXPORT,
  transformPlace,
} from "../typescript/transforms.ts";
import type { Bundle } from "./bundle.ts";

/** A function of a derivation, and where its source stands. */
export interface LocatedFunction extends DerivationFunction {
  readonly found: FoundTransform;
  /** Of the collection that it computes; undefined where that has diagnostics. */
  readonly schema: JsonSchema | undefined;
}

export interface LocatedFunctions {
  /** Lacks what has diagnostics. */
  readonly functions: readonly LocatedFunction[];
  readonly diagnostics: readonly Diagnostic[];
}

export function locateFunctions(flow: FlowProgram, declared: Declared, origins: Origins): LocatedFunctions {
  const diagnostics: Diagnostic[] = [];
  const functions = declared.derivations.flatMap((derivation) =>
    functionsOf(derivation).flatMap((each) => {
      const found = locate(flow, each, derivation.place, origins, diagnostics);
      return found === undefined ? [] : [{ ...each, found, schema: derivation.collection.schema.json }];
    }),
  );
  return { functions, diagnostics };
}

/** What the functions return and the schemas do not have. Asks for types: cheap once they have been checked. */
export function surplusDiagnostics(
  flow: FlowProgram,
  functions: readonly LocatedFunction[],
): readonly Diagnostic[] {
  return functions.flatMap(({ found, gives, schema, name }) =>
    gives === "outputs" && schema !== undefined ? surplusOf(flow, found, schema, name) : [],
  );
}

export interface FunctionBundles {
  /** By what V8 knows of the function. Lacks what has diagnostics. */
  readonly byFunction: ReadonlyMap<FunctionFacts, Bundle>;
  /** Those that may return removals. */
  readonly removing: ReadonlySet<FunctionFacts>;
  readonly diagnostics: readonly Diagnostic[];
  /** Absolute paths of the files that were read. */
  readonly inputs: readonly string[];
}

/** `emit` asks for the bundles; without it only those are made whose making may fail, and none are given. */
export async function bundleFunctions(
  flow: FlowProgram,
  functions: readonly LocatedFunction[],
  projectDir: string,
  emit: boolean,
): Promise<FunctionBundles> {
  /** By the function's identity: one that several derivations use is bundled, and complained of, once. */
  const bundling = new Map<string, Promise<BundledFunction>>();
  for (const each of functions) {
    const { identity } = each.found;
    if (!bundling.has(identity)) bundling.set(identity, bundleOne(flow, each, projectDir, emit));
  }
  const bundled = new Map<string, BundledFunction>();
  for (const [identity, pending] of bundling) bundled.set(identity, await pending);
  const byFunction = new Map<FunctionFacts, Bundle>();
  const removing = new Set<FunctionFacts>();
  for (const { facts, found } of functions) {
    const { bundle, removes } = bundled.get(found.identity) ?? {};
    if (bundle !== undefined) byFunction.set(facts, bundle);
    if (removes) removing.add(facts);
  }
  return {
    byFunction,
    removing,
    diagnostics: [...bundled.values()].flatMap(({ diagnostics }) => diagnostics),
    inputs: [...bundled.values()].flatMap(({ inputs }) => inputs),
  };
}

interface BundledFunction {
  readonly bundle?: Bundle;
  readonly removes?: boolean;
  readonly inputs: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

function locate(
  flow: FlowProgram,
  { facts, name, aim }: DerivationFunction,
  place: Place,
  origins: Origins,
  diagnostics: Diagnostic[],
): FoundTransform | undefined {
  const here = () => aimAt(flow, place, aim);
  if (facts.kind !== "source") {
    const what = facts.kind === "bound" ? "a bound function" : "a function of the language itself";
    diagnostics.push(
      diagnostic("WEIR3006", here(), `The ${name} is ${what}, whose source cannot be bundled.`, {
        fix: "Write a function that calls it: (document) => … .",
      }),
    );
    return undefined;
  }
  if (facts.async) {
    diagnostics.push(
      diagnostic("WEIR3005", here(), `The ${name} is asynchronous, and a transform waits for nothing.`, {
        fix: "Return the output itself; bring in what has to be fetched by a capture.",
      }),
    );
    return undefined;
  }
  const origin = origins.place(facts.position);
  const found = origin === undefined ? undefined : findTransform(flow, origin);
  if (found === undefined) {
    diagnostics.push(
      diagnostic("WEIR3006", here(), `The source of the ${name} was not found.`, {
        fix: "Write it as an arrow function, a function or a method in a module.",
      }),
    );
  }
  return found;
}

async function bundleOne(
  flow: FlowProgram,
  { found, name, gives }: LocatedFunction,
  projectDir: string,
  emit: boolean,
): Promise<BundledFunction> {
  const slice = sliceOf(flow, found, { name, takesParams: gives === "outputs" });
  if (slice.diagnostics.length > 0) return { diagnostics: slice.diagnostics, inputs: [] };
  // What consists of the user's own modules alone has been checked by TypeScript.
  const removes = slice.usesShim;
  if (!emit && !slice.reachesOut) return { removes, diagnostics: [], inputs: [] };
  // Loads esbuild, which a check rarely needs in this thread.
  const { bundleTransform, NODE_MODULE } = await import("./bundle.ts");
  const read = (path: string) => readFileSync(path, "utf8");
  const result = await bundleTransform(
    projectDir,
    { ...slice, modules: slice.modules() },
    TRANSFORM_EXPORT,
    read,
  );
  if (result.kind === "bundled") return { ...result, removes, diagnostics: [] };
  const diagnostics = result.messages.map(({ text, location }) => {
    const at = transformPlace(found);
    const within: Place | undefined =
      location === null
        ? undefined
        : { file: resolve(projectDir, location.file), line: location.line, column: location.column + 1 };
    const related = within === undefined ? [] : [{ ...within, message: "It is imported here." }];
    return text.endsWith(NODE_MODULE)
      ? diagnostic(
          "WEIR3008",
          at,
          `The ${name} reaches ${text.slice(0, -NODE_MODULE.length).trim()}, a module of Node that a pure function does not need.`,
          {
            related,
            fix: "Compute from the document alone; read files and services in a capture.",
          },
        )
      : diagnostic("WEIR3010", within ?? at, `The ${name} cannot be bundled: ${text}.`, {
          fix: "Import in a transform only modules that exist and export what is imported.",
        });
  });
  return { diagnostics, inputs: [] };
}
