/** The thread in which flow files are evaluated, once. Started by `evaluate.ts`. */
import { parentPort, workerData } from "node:worker_threads";
import { COLLECTOR, type Collector, type Declaration } from "../../dsl/declarations.ts";
import { convertSchema } from "../schema/convert.ts";
import type { EvaluatedDeclaration, Evaluation, EvaluationFailure, EvaluationRequest } from "./evaluation.ts";
import { functionFacts } from "./function-facts.ts";
import { framesOf } from "./generated-position.ts";
import { poison } from "./poison.ts";

// Set by `evaluate.ts` and nobody else.
const request = workerData as EvaluationRequest;
Error.stackTraceLimit = 100;

const declarations: Declaration[] = [];
const collector: Collector = { declare: (declaration) => void declarations.push(declaration) };
Reflect.set(globalThis, COLLECTOR, collector);

async function evaluate(): Promise<Evaluation> {
  let failure: EvaluationFailure | undefined;
  // Packages first, and unpoisoned: what they do when loaded is not the flow's doing.
  for (const url of request.externals) {
    try {
      await import(url);
    } catch (error) {
      failure ??= failureOf(error);
    }
  }
  const guard = poison((frame) => frame.includes(request.bundle));
  try {
    if (failure === undefined) await import(request.bundle);
  } catch (error) {
    // What a poisoned global threw is told as a touch.
    if (!guard.touches.some((touch) => error instanceof Error && touch.stack === error.stack))
      failure = failureOf(error);
  } finally {
    guard.restore();
  }
  const touches = guard.touches.map(({ what, stack }) => ({ what, frames: framesOf(stack) }));
  return { declarations: describe(), touches, ...(failure === undefined ? {} : { failure }) };
}

function describe(): readonly EvaluatedDeclaration[] {
  const transforms = declarations.flatMap((each) => (each.kind === "derive" ? [each.transform] : []));
  const facts = new Map(functionFacts(transforms).map((fact, index) => [transforms[index], fact]));
  return declarations.map((each) => {
    const frames = framesOf(each.stack);
    if (each.kind === "materialize") {
      const { kind, collection, resource } = each;
      return { kind, collection, resource, frames, target: plain(each.target) };
    }
    const { name, key, reduce } = each.collection;
    const collection = { name, key, reduce, schema: convertSchema(each.collection.schema) };
    if (each.kind === "capture") return { kind: each.kind, collection, frames, source: plain(each.source) };
    const transform = facts.get(each.transform) ?? { kind: "native" };
    return {
      kind: each.kind,
      collection,
      frames,
      source: each.source,
      params: plain(each.params),
      transform,
    };
  });
}

/** A declaration's JSON part, as JSON writes it: what JSON leaves out is left out here too. */
function plain<T>(value: object): T {
  return JSON.parse(JSON.stringify(value));
}

function failureOf(error: unknown): EvaluationFailure {
  if (!(error instanceof Error)) return { message: String(error), frames: [] };
  return { message: error.message, frames: framesOf(error.stack ?? "") };
}

// Not awaited here: of a flow file whose await never ends Node would warn with our line.
void evaluate().then((evaluation) => parentPort?.postMessage(evaluation));
