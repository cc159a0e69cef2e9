/** Flow files to a plan and its bundles, or to diagnostics. */
import { canonicalJson, sha256 } from "../plan/canonical.ts";
import type { Plan } from "../plan/plan.ts";
import { assemblePlan, collectionPlan } from "./assemble.ts";
import { checkCollection } from "./check/collection.ts";
import { checkSource, checkTarget, checkTargetFit, type TargetFit } from "./check/connectors.ts";
import { checkDerivation } from "./check/derivation.ts";
import { type AimAt, checkGraph } from "./check/graph.ts";
import { checkShards } from "./check/shards.ts";
import { checkView } from "./check/view.ts";
import { type Declared, declaredBy, Origins } from "./declared.ts";
import {
  type Diagnostic,
  diagnostic,
  hasErrors,
  type Place,
  sortDiagnostics,
} from "./diagnostics/diagnostic.ts";
import { withoutEchoes } from "./diagnostics/echo.ts";
import { evaluate } from "./evaluate/evaluate.ts";
import type { EvaluatedCollection, Evaluation } from "./evaluate/evaluation.ts";
import { importDiagnostics } from "./evaluate/import-diagnostics.ts";
import type { Bundle } from "./transform/bundle.ts";
import { bundleFunctions, locateFunctions, surplusDiagnostics } from "./transform/transforms.ts";
import { aimAt, callExtent } from "./typescript/calls.ts";
import { typeDiagnostics } from "./typescript/diagnose.ts";
import { openProgram, programInputs } from "./typescript/program.ts";

export interface CompileRequest {
  /** Absolute. Where tsconfig.json is looked for from; paths in source maps are relative to it. */
  readonly projectDir: string;
  /** Flow files, absolute. */
  readonly files: readonly string[];
  /** Connectors' own checks, which the compiler cannot know. Without it they are left to the start of the flows. */
  readonly targetFit?: TargetFit;
  /** Whether plan and bundles are wanted, or only what is wrong. Default true. */
  readonly emit?: boolean;
}

export interface CompiledBuild {
  readonly plan: Plan;
  /** RFC 8785. */
  readonly planJson: string;
  /** SHA-256, hex, of `planJson`. */
  readonly planHash: string;
  /** One per distinct hash, in the order of the hashes. */
  readonly bundles: readonly Bundle[];
}

export interface CompileResult {
  /** Errors and warnings, sorted by place. */
  readonly diagnostics: readonly Diagnostic[];
  /** Absolute paths of the files that were read, packages' too. Not complete where there are errors. */
  readonly inputs: readonly string[];
  /** How many collections the flows declare. Undefined if there are errors. */
  readonly collections?: number;
  /** Undefined if there are errors, or if it was not wanted. */
  readonly build?: CompiledBuild;
}

/** Throws only for bugs of Weir: what is wrong with the flows is told as diagnostics, all of it at once. */
export async function compile({
  projectDir,
  files,
  targetFit = () => [],
  emit = true,
}: CompileRequest): Promise<CompileResult> {
  const [first] = [...files].sort();
  const project: Place = {
    file: first ?? projectDir,
    line: first === undefined ? 0 : 1,
    column: first === undefined ? 0 : 1,
  };
  if (first === undefined) {
    const found = diagnostic(
      "WEIR0002",
      { file: projectDir, line: 0, column: 0 },
      "No flow file was found.",
      {
        fix: 'Write one below flows/ that ends in ".flow.ts", or say in weir.config.ts where they are: flows: "…/*.flow.ts".',
      },
    );
    return { diagnostics: [found], inputs: [] };
  }
  const sorted = [...new Set(files)].sort();
  const evaluating = evaluateFlows(projectDir, sorted, project);
  // Told later, by whoever awaits it: TypeScript keeps this thread busy until then.
  evaluating.catch(() => {});
  const flow = openProgram(projectDir, sorted);
  const typed = typeDiagnostics(flow, projectDir);
  const extentOf = (place: Place) => callExtent(flow, place);
  const diagnostics: Diagnostic[] = [];
  const { evaluation, origins, inputs: evaluated, diagnostics: failures } = await evaluating;
  diagnostics.push(...failures);
  if (evaluation === undefined || origins === undefined) {
    return { diagnostics: sortDiagnostics(withoutEchoes(typed, diagnostics, extentOf)), inputs: [] };
  }

  const declared = declaredBy(evaluation, origins);
  const aim: AimAt = (place, steps) => aimAt(flow, place, steps);
  diagnostics.push(...evaluationDiagnostics(evaluation, origins, project));
  // What was declared before a failure is only a part: what it lacks would be said to be missing.
  const whole = evaluation.failure === undefined && evaluation.touches.length === 0;
  diagnostics.push(...declarationDiagnostics(declared, aim, project, whole, targetFit));
  diagnostics.push(...(await stateDiagnostics(declared, aim)));
  const located = locateFunctions(flow, declared, origins);
  const transforms = await bundleFunctions(flow, located.functions, projectDir, emit);
  diagnostics.push(...located.diagnostics, ...surplusDiagnostics(flow, located.functions));
  diagnostics.push(...transforms.diagnostics, ...checkShards(declared, transforms.removing, aim));
  const sortedDiagnostics = sortDiagnostics(withoutEchoes(typed, diagnostics, extentOf));
  const inputs = [...new Set([...programInputs(flow), ...evaluated, ...transforms.inputs])];
  if (hasErrors(sortedDiagnostics)) return { diagnostics: sortedDiagnostics, inputs };
  const collections = declared.captures.length + declared.derivations.length;
  if (!emit) return { diagnostics: sortedDiagnostics, inputs, collections };

  const plan = assemblePlan(declared, transforms.byFunction, transforms.removing);
  const planJson = canonicalJson(plan);
  const bundles = new Map([...transforms.byFunction.values()].map((bundle) => [bundle.hash, bundle]));
  const ordered = [...bundles.values()].sort((a, b) => (a.hash < b.hash ? -1 : 1));
  return {
    diagnostics: sortedDiagnostics,
    inputs,
    collections,
    build: { plan, planJson, planHash: sha256(planJson), bundles: ordered },
  };
}

interface FlowEvaluation {
  readonly evaluation?: Evaluation;
  readonly origins?: Origins;
  /** What was read for it, as far as it went. */
  readonly inputs: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

async function evaluateFlows(
  projectDir: string,
  files: readonly string[],
  project: Place,
): Promise<FlowEvaluation> {
  const result = await evaluate(projectDir, files);
  if (result === undefined) {
    const endless = diagnostic("WEIR0008", project, "The evaluation of the flow files did not end.", {
      fix: "Let flow files only declare: look for an endless loop, an await that nothing settles, or process.exit().",
    });
    return { diagnostics: [endless], inputs: [] };
  }
  if (result.kind === "unbundled") {
    return { diagnostics: importDiagnostics(result.messages, projectDir, project), inputs: [] };
  }
  const { evaluation, map, bundleUrl } = result;
  const origins = new Origins(map, bundleUrl, projectDir, project);
  return { evaluation, origins, inputs: evaluation.modules, diagnostics: [] };
}

function evaluationDiagnostics(
  { failure, touches }: Evaluation,
  origins: Origins,
  project: Place,
): readonly Diagnostic[] {
  const found = touches.map(({ what, frames }) => {
    const variable = /^process\.env\.(.+)$/.exec(what)?.[1];
    const fix =
      variable === undefined
        ? "A flow file only declares, and gives the same plan everywhere: remove the call, or move it into what runs."
        : `Use env("${variable}"), which the runtime reads when it starts.`;
    return diagnostic(
      "WEIR0007",
      origins.placeOfFrames(frames),
      `A flow file uses ${what} while it is evaluated.`,
      { fix },
    );
  });
  if (failure === undefined) return found;
  const place = failure.frames.length === 0 ? project : origins.placeOfFrames(failure.frames);
  const message = failure.message.replace(/\.?$/, ".");
  return [...found, diagnostic("WEIR0006", place, `The flow file fails while it is evaluated: ${message}`)];
}

async function stateDiagnostics({ derivations }: Declared, aim: AimAt): Promise<readonly Diagnostic[]> {
  const stateful = derivations.filter(({ state }) => state !== undefined);
  if (stateful.length === 0) return [];
  const { checkState } = await import("./check/state.ts");
  return stateful.flatMap(({ collection, state, place }) =>
    state === undefined ? [] : [...checkState(collection.name, state, place, aim)],
  );
}

function declarationDiagnostics(
  declared: Declared,
  aim: AimAt,
  project: Place,
  whole: boolean,
  targetFit: TargetFit,
): readonly Diagnostic[] {
  const { captures, derivations, materializations } = declared;
  const collections = new Map(
    [...captures, ...derivations].map((each) => [each.collection.name, each.collection]),
  );
  const found: Diagnostic[] = [];
  const sound = new Set<EvaluatedCollection>();
  for (const { collection, place } of [...captures, ...derivations]) {
    const wrong = checkCollection(collection, place, aim);
    if (wrong.length === 0) sound.add(collection);
    found.push(...wrong);
  }
  for (const capture of captures) found.push(...checkSource(capture, aim));
  for (const each of derivations) found.push(...checkDerivation(each, collections, aim));
  for (const { view, target, place } of materializations) {
    const collection = collections.get(view.collection);
    if (collection === undefined) continue;
    // Of a collection that is wrong itself a target can say nothing new.
    if (sound.has(collection)) {
      found.push(...checkTarget(collection, target, place, aim));
      found.push(...checkTargetFit(targetFit, collectionPlan(collection), target, place, aim));
    }
    found.push(...checkView(collection, view, place, ["view"], aim));
  }
  if (!whole) return found;
  if (collections.size === 0 && materializations.length === 0) {
    found.push(
      diagnostic("WEIR0003", project, "The flow files declare nothing.", {
        fix: 'Declare a collection with capture("name", source, { schema, key }).',
      }),
    );
  }
  return [...found, ...checkGraph(declared, aim)];
}
