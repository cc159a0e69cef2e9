/** From the derivations' transforms to their bundles: one for each distinct function. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Declared, Origins, Placed } from "../declared.ts";
import { type Diagnostic, diagnostic, type Place } from "../diagnostics/diagnostic.ts";
import type { EvaluatedDerivation } from "../evaluate/evaluation.ts";
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
  /** By the name of the derived collection. Lacks what has diagnostics. */
  readonly byCollection: ReadonlyMap<string, Bundle>;
  readonly diagnostics: readonly Diagnostic[];
}

export async function bundleTransforms(
  flow: FlowProgram,
  declared: Declared,
  origins: Origins,
  projectDir: string,
): Promise<TransformBundles> {
  const diagnostics: Diagnostic[] = [];
  const bundles = new Map<string, Promise<Bundle | undefined>>();
  const wanted = new Map<string, Promise<Bundle | undefined>>();
  for (const derivation of declared.derivations) {
    const found = locate(flow, derivation, origins, diagnostics);
    if (found === undefined) continue;
    const { name, schema } = derivation.collection;
    if (schema.json !== undefined) diagnostics.push(...surplusOf(flow, found, schema.json, name));
    const bundle = bundles.get(found.identity) ?? bundleOne(flow, found, projectDir, diagnostics);
    bundles.set(found.identity, bundle);
    wanted.set(name, bundle);
  }
  const byCollection = new Map<string, Bundle>();
  for (const [name, pending] of wanted) {
    const bundle = await pending;
    if (bundle !== undefined) byCollection.set(name, bundle);
  }
  return { byCollection, diagnostics };
}

function locate(
  flow: FlowProgram,
  derivation: Placed<EvaluatedDerivation>,
  origins: Origins,
  diagnostics: Diagnostic[],
): FoundTransform | undefined {
  const { transform, place, collection } = derivation;
  const here = aimAt(flow, place, ["transform"]);
  if (transform.kind !== "source") {
    const what = transform.kind === "bound" ? "a bound function" : "a function of the language itself";
    diagnostics.push(
      diagnostic(
        "WEIR3006",
        here,
        `The transform of ${collection.name} is ${what}, whose source cannot be bundled.`,
        {
          fix: "Write a function that calls it: (document) => … .",
        },
      ),
    );
    return undefined;
  }
  if (transform.async) {
    diagnostics.push(
      diagnostic(
        "WEIR3005",
        here,
        `The transform of ${collection.name} is asynchronous, and a transform waits for nothing.`,
        {
          fix: "Return the output itself; bring in what has to be fetched by a capture.",
        },
      ),
    );
    return undefined;
  }
  const origin = origins.place(transform.position);
  const found = origin === undefined ? undefined : findTransform(flow, origin);
  if (found === undefined) {
    diagnostics.push(
      diagnostic("WEIR3006", here, `The source of the transform of ${collection.name} was not found.`, {
        fix: "Write the transform as an arrow function, a function or a method in a module.",
      }),
    );
  }
  return found;
}

async function bundleOne(
  flow: FlowProgram,
  found: FoundTransform,
  projectDir: string,
  diagnostics: Diagnostic[],
): Promise<Bundle | undefined> {
  const slice = sliceOf(flow, found);
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
            `The transform reaches ${text.slice(0, -NODE_MODULE.length).trim()}, a module of Node that a pure function does not need.`,
            {
              related,
              fix: "Compute from the document alone; read files and services in a capture.",
            },
          )
        : diagnostic("WEIR3010", within ?? at, `The transform cannot be bundled: ${text}.`, {
            fix: "Import in a transform only modules that exist and export what is imported.",
          }),
    );
  }
  return undefined;
}
