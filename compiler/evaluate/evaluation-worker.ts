/** The thread in which flow files are evaluated, once. Started by `evaluate.ts`. */
import { writeFile } from "node:fs/promises";
import { registerHooks } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import {
  COLLECTOR,
  type CollectionDeclaration,
  type Collector,
  type Declaration,
  type SourceDeclaration,
  type UserFunction,
  type ViewDeclaration,
} from "../../dsl/declarations.ts";
import { convertSchema } from "../schema/convert.ts";
import type {
  EvaluatedCollection,
  EvaluatedDeclaration,
  EvaluatedSource,
  EvaluatedView,
  Evaluation,
  EvaluationFailure,
  EvaluationRequest,
  EvaluationResult,
} from "./evaluation.ts";
import { bundleFlows, type FlowBundle } from "./flow-bundle.ts";
import { type FunctionFacts, functionFacts } from "./function-facts.ts";
import { framesOf } from "./generated-position.ts";
import { poison } from "./poison.ts";

// Set by `evaluate.ts` and nobody else.
const request = workerData as EvaluationRequest;
Error.stackTraceLimit = 100;

const declarations: Declaration[] = [];
const collector: Collector = { declare: (declaration) => void declarations.push(declaration) };
Reflect.set(globalThis, COLLECTOR, collector);

async function run(): Promise<EvaluationResult> {
  const { projectDir, files, path } = request;
  const bundled = await bundleFlows(projectDir, files);
  if (bundled.kind === "failed") return { kind: "unbundled", messages: bundled.messages };
  await writeFile(path, bundled.bundle.code);
  const bundleUrl = pathToFileURL(path).href;
  const evaluation = await evaluate(bundleUrl, bundled.bundle);
  return { kind: "evaluated", evaluation, bundleUrl, map: bundled.bundle.map };
}

async function evaluate(bundleUrl: string, { externals, inputs }: FlowBundle): Promise<Evaluation> {
  const modules = new Set(inputs);
  registerHooks({
    load: (url, context, next) => {
      if (url.startsWith("file:") && url !== bundleUrl) modules.add(fileURLToPath(url));
      return next(url, context);
    },
  });
  let failure: EvaluationFailure | undefined;
  // Packages first, and unpoisoned: what they do when loaded is not the flow's doing.
  for (const url of externals) {
    try {
      await import(url);
    } catch (error) {
      failure ??= failureOf(error);
    }
  }
  const guard = poison((frame) => frame.includes(bundleUrl));
  try {
    if (failure === undefined) await import(bundleUrl);
  } catch (error) {
    // What a poisoned global threw is told as a touch.
    if (!guard.touches.some((touch) => error instanceof Error && touch.stack === error.stack))
      failure = failureOf(error);
  } finally {
    guard.restore();
  }
  const touches = guard.touches.map(({ what, stack }) => ({ what, frames: framesOf(stack) }));
  const told = failure === undefined ? {} : { failure };
  return { declarations: describe(), touches, modules: [...modules], ...told };
}

function describe(): readonly EvaluatedDeclaration[] {
  const functions = new Set(
    declarations.flatMap((each) => (each.kind === "derive" ? each.sources.flatMap(functionsIn) : [])),
  );
  const known = functionFacts([...functions]);
  const facts = new Map([...functions].map((value, index) => [value, known[index]]));
  const factsOf = (value: UserFunction): FunctionFacts => facts.get(value) ?? { kind: "native" };
  return declarations.map((each) => describeDeclaration(each, factsOf));
}

function describeDeclaration(
  each: Declaration,
  factsOf: (value: UserFunction) => FunctionFacts,
): EvaluatedDeclaration {
  const frames = framesOf(each.stack);
  switch (each.kind) {
    case "capture":
      return {
        kind: each.kind,
        collection: describeCollection(each.collection),
        frames,
        source: plain(each.source),
        onError: each.onError,
      };
    case "derive":
      return {
        kind: each.kind,
        collection: describeCollection(each.collection),
        frames,
        sources: each.sources.map((source) => describeSource(source, factsOf)),
        state: each.state && {
          schema: convertSchema(each.state.schema, "state"),
          initial: plain(each.state.initial),
        },
        params: plain(each.params),
        shards: each.shards,
        continues: each.continues,
        onError: each.onError,
      };
    case "materialize": {
      const { kind, resource, backfill, onSchemaChange, renamedFrom } = each;
      const view = viewOf(each.view);
      return {
        kind,
        view,
        resource,
        frames,
        target: plain(each.target),
        backfill,
        onSchemaChange,
        renamedFrom,
      };
    }
    case "rename":
      return { kind: each.kind, collection: each.collection, from: each.from, frames };
  }
}

function functionsIn({ by = [], transform, removed }: SourceDeclaration): readonly UserFunction[] {
  return [transform, removed, ...by].filter((each) => typeof each === "function");
}

function describeCollection(collection: CollectionDeclaration): EvaluatedCollection {
  const { name, key, reduce, partitionBy, partitions } = collection;
  return { name, key, reduce, partitionBy, partitions, schema: convertSchema(collection.schema, "document") };
}

function describeSource(
  source: SourceDeclaration,
  factsOf: (value: UserFunction) => FunctionFacts,
): EvaluatedSource {
  const { name, reduced, by, transform, removed } = source;
  return {
    ...viewOf(source),
    name,
    reduced,
    by: by?.map((each) => (typeof each === "string" ? each : factsOf(each))),
    transform: transform && factsOf(transform),
    removed: removed && factsOf(removed),
  };
}

function viewOf({ collection, where, from, until, priority, readDelay }: ViewDeclaration): EvaluatedView {
  return { collection, where: plain(where), from, until, priority, readDelay };
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
void run().then((result) => parentPort?.postMessage(result));
