/** A transform's value, led back to its node: what is wrong with it, and its slice. */

import type { JsonSchema } from "../../plan/plan.ts";
import type { Diagnostic, Place } from "../diagnostics/diagnostic.ts";
import { functionAt, type TransformNode } from "./functions.ts";
import { type FlowProgram, placeOf, type SourceScope, sourceScope } from "./program.ts";
import { sliceTransform, type TransformSlice } from "./slice.ts";
import type { SliceSubject } from "./slice-subject.ts";
import { surplusFields } from "./surplus.ts";

export { TRANSFORM_EXPORT } from "./slice.ts";

export interface FoundTransform {
  readonly scope: SourceScope;
  readonly node: TransformNode;
  /** The same for the same function, however often it is used. */
  readonly identity: string;
}

export function findTransform(flow: FlowProgram, place: Place): FoundTransform | undefined {
  const scope = sourceScope(flow, place.file);
  const node = scope === undefined ? undefined : functionAt(scope, place);
  if (scope === undefined || node === undefined) return undefined;
  return { scope, node, identity: `${scope.file.fileName}:${node.pos}` };
}

export function sliceOf(flow: FlowProgram, found: FoundTransform, subject: SliceSubject): TransformSlice {
  return sliceTransform(flow, found.scope, found.node, subject);
}

export function surplusOf(
  flow: FlowProgram,
  found: FoundTransform,
  schema: JsonSchema,
  subject: string,
): readonly Diagnostic[] {
  return surplusFields(flow, found.node, schema, subject);
}

/** The head of the function. */
export function transformPlace({ node }: FoundTransform): Place {
  const { file, line, column } = placeOf(node);
  return { file, line, column };
}
