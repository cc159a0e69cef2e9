/** From the derivations' functions to their bundles: one for each distinct function. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
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
import { type Bundle, bundleTransform, NODE_MODULE } from "./bundle.ts";

export interface TransformBundles {
  /** By what V8 knows of the function. Lacks what has diagnostics. */
  readonly byFunction: ReadonlyMap<FunctionFacts, Bundle>;
  readonly diagnostics: readonly Diagnostic[];
}

export async function bundleTransforms(
  flow: FlowProgram,
  declared: Declared,
  origins: Origins,
  projectDir: string,
): Promise<TransformBundles> {
  const diagnostics: Diagnostic[] = [];
  /** By the function's identity: one that several derivations use is bundled, and complained of, once. */
  const bundles = new Map<string, Promise<Bundle | undefined>>();
  const wanted = new Map<FunctionFacts, Promise<Bundle | undefined>>();
  for (const derivation of declared.derivations) {
    const { schema } = derivation.collection;
    for (const each of functionsOf(derivation)) {
      const found = locate(flow, each, derivation.place, origins, diagnostics);
      if (found === undefined) continue;
      if (each.gives === "outputs" && schema.json !== undefined)
        diagnostics.push(...surplusOf(flow, found, schema.json, each.name));
      const bundle = bundles.get(found.identity) ?? bundleOne(flow, found, each, projectDir, diagnostics);
      bundles.set(found.identity, bundle);
      wanted.set(each.facts, bundle);
    }
  }
  const byFunction = new Map<FunctionFacts, Bundle>();
  for (const [facts, pending] of wanted) {
    const bundle = await pending;
    if (bundle !== undefined) byFunction.set(facts, bundle);
  }
  return { byFunction, diagnostics };
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
  found: FoundTransform,
  { name, gives }: DerivationFunction,
  projectDir: string,
  diagnostics: Diagnostic[],
): Promise<Bundle | undefined> {
  const slice = sliceOf(flow, found, { name, takesParams: gives === "outputs" });
  diagnostics.push(...slice.diagnostics);
  if (slice.diagnostics.length > 0) return undefined;
  const read = (path: string) => readFileSync(path, "utf8");
  const result = await bundleTransform(projectDir, slice, TRANSFORM_EXPORT, read);
  if (result.kind === "bundled") return result.bundle;
  for (const { text, location } of result.messages) {
    const at = transformPlace(found);
    const within: Place | undefined =
      location === null
        ? undefined
        : { file: resolve(projectDir, location.file), line: location.line, column: location.column + 1 };
    const related = within === undefined ? [] : [{ ...within, message: "It is imported here." }];
    diagnostics.push(
      text.endsWith(NODE_MODULE)
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
          }),
    );
  }
  return undefined;
}
