/** What the evaluation's thread tells the compiler. JSON: it crosses threads. */
import type { JsonObject } from "../../plan/plan.ts";
import type { ConvertedSchema } from "../schema/convert.ts";
import type { FunctionFacts } from "./function-facts.ts";

export interface EvaluatedCollection {
  readonly name: string;
  readonly schema: ConvertedSchema;
  readonly key: readonly string[];
  readonly reduce: Readonly<Record<string, string>>;
}

export interface EvaluatedConnector {
  readonly connector: string;
  readonly config: JsonObject;
  readonly guarantee: { readonly delivery: "exactly-once" | "at-least-once"; readonly mechanism: string };
}

/** Position in the bundle or a package's module; line and column from 1. */
export interface GeneratedPosition {
  readonly url: string;
  readonly line: number;
  readonly column: number;
}

interface Evaluated {
  /** Frames of the declaring call, innermost first. */
  readonly frames: readonly GeneratedPosition[];
}

export interface EvaluatedCapture extends Evaluated {
  readonly kind: "capture";
  readonly collection: EvaluatedCollection;
  readonly source: EvaluatedConnector;
}

export interface EvaluatedDerivation extends Evaluated {
  readonly kind: "derive";
  readonly collection: EvaluatedCollection;
  readonly source: string;
  readonly params: JsonObject;
  readonly transform: FunctionFacts;
}

export interface EvaluatedMaterialization extends Evaluated {
  readonly kind: "materialize";
  readonly collection: string;
  readonly resource: string;
  readonly target: EvaluatedConnector;
}

export type EvaluatedDeclaration = EvaluatedCapture | EvaluatedDerivation | EvaluatedMaterialization;

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
}

export interface EvaluationRequest {
  /** File URL of the flows' bundle. */
  readonly bundle: string;
  readonly externals: readonly string[];
}

/** V8's text of a stack, taken apart. Frames without a file are left out. */
export function framesOf(stack: string): readonly GeneratedPosition[] {
  return stack.split("\n").flatMap((line) => {
    const match = /\(?((?:file:\/\/|node:|\/|[A-Za-z]:\\).*?):(\d+):(\d+)\)?$/.exec(line.trim().replace(/^at (?:async )?/, "").replace(/^.*? \((?=file:)/, "("));
    const [, url, row, column] = match ?? [];
    return url === undefined ? [] : [{ url, line: Number(row), column: Number(column) }];
  });
}
