import type { DiagnosticCode } from "../diagnostics/registry.ts";

export interface SchemaProblem {
  readonly code: DiagnosticCode;
  /** Names of the fields down to the culprit; `[]` in it stands for an array's items. */
  readonly path: readonly string[];
  /** What is wrong, as the end of the sentence "The field x …". */
  readonly complaint: string;
  readonly fix: string;
}
