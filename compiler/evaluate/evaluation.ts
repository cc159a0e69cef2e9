/** What the evaluation's thread tells the compiler. JSON: it crosses threads. */

import type { Message } from "esbuild";
import type { SourceDeclaration, ViewDeclaration } from "../../dsl/declarations.ts";
import type { JsonObject } from "../../plan/plan.ts";
import type { ConvertedSchema } from "../schema/convert.ts";
import type { FunctionFacts } from "./function-facts.ts";
import type { GeneratedPosition } from "./generated-position.ts";

export interface EvaluatedCollection {
  readonly name: string;
  readonly schema: ConvertedSchema;
  readonly key: readonly string[];
  /** Strategy by field path, as the flow gives it. */
  readonly reduce: Readonly<Record<string, string | object>>;
  readonly partitionBy: readonly string[];
  readonly partitions: number;
}

export type EvaluatedView = ViewDeclaration;

/** A source with what V8 knows of its functions. */
export interface EvaluatedSource extends Omit<SourceDeclaration, "by" | "transform" | "removed"> {
  readonly by: readonly (string | FunctionFacts)[] | undefined;
  readonly transform: FunctionFacts | undefined;
  readonly removed: FunctionFacts | undefined;
}

export interface EvaluatedState {
  readonly schema: ConvertedSchema;
  readonly initial: JsonObject;
}

export interface EvaluatedConnector {
  readonly connector: string;
  readonly config: JsonObject;
  readonly guarantee: { readonly delivery: "exactly-once" | "at-least-once"; readonly mechanism: string };
}

interface Evaluated {
  /** Frames of the declaring call, innermost first. */
  readonly frames: readonly GeneratedPosition[];
}

export interface EvaluatedCapture extends Evaluated {
  readonly kind: "capture";
  readonly collection: EvaluatedCollection;
  readonly source: EvaluatedConnector;
  readonly onError: "halt" | "deadLetter";
}

export interface EvaluatedDerivation extends Evaluated {
  readonly kind: "derive";
  readonly collection: EvaluatedCollection;
  readonly sources: readonly EvaluatedSource[];
  readonly state: EvaluatedState | undefined;
  readonly params: JsonObject;
  readonly shards: number | undefined;
  readonly continues: string | undefined;
  readonly onError: "halt" | "deadLetter";
}

export interface EvaluatedMaterialization extends Evaluated {
  readonly kind: "materialize";
  readonly view: EvaluatedView;
  readonly resource: string;
  readonly target: EvaluatedConnector & { readonly mode: "standard" | "delta" };
  readonly backfill: number;
  readonly onSchemaChange: "halt" | "backfill";
  readonly renamedFrom: string | undefined;
}

export interface EvaluatedRename extends Evaluated {
  readonly kind: "rename";
  readonly collection: string;
  readonly from: string;
}

export type EvaluatedDeclaration =
  | EvaluatedCapture
  | EvaluatedDerivation
  | EvaluatedMaterialization
  | EvaluatedRename;

export interface EvaluationFailure {
  readonly message: string;
  readonly frames: readonly GeneratedPosition[];
}

export interface EvaluationTouch {
  /** As the user wrote it: `Date.now()`. */
  readonly what: string;
  readonly frames: readonly GeneratedPosition[];
}

export interface Evaluation {
  readonly declarations: readonly EvaluatedDeclaration[];
  /** Set if the evaluation threw. */
  readonly failure?: EvaluationFailure;
  readonly touches: readonly EvaluationTouch[];
  /** Absolute paths of the modules that were evaluated, packages' too. */
  readonly modules: readonly string[];
}

export type EvaluationResult =
  | { readonly kind: "unbundled"; readonly messages: readonly Message[] }
  | {
      readonly kind: "evaluated";
      readonly evaluation: Evaluation;
      /** File URL of what was evaluated. */
      readonly bundleUrl: string;
      /** JSON of its source map; its sources are relative to `projectDir`. */
      readonly map: string;
    };

export interface EvaluationRequest {
  readonly projectDir: string;
  /** Flow files, absolute. */
  readonly files: readonly string[];
  /** Where to write their bundle, absolute. */
  readonly path: string;
}
