import type { DiagnosticCode } from "./registry.ts";

/** A place in a source file: absolute path, line and column from 1; the end is exclusive. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine?: number;
  readonly endColumn?: number;
}

export interface RelatedPlace extends Place {
  readonly message: string;
}

export interface Diagnostic extends Place {
  readonly code: DiagnosticCode;
  readonly severity: "error" | "warning";
  /** What is wrong: one sentence, which names the thing. */
  readonly message: string;
  readonly related: readonly RelatedPlace[];
  /** What to do about it. */
  readonly fix?: string;
}

export interface DiagnosticDetails {
  readonly related?: readonly RelatedPlace[];
  readonly fix?: string;
  readonly severity?: "error" | "warning";
}

export function diagnostic(
  code: DiagnosticCode,
  place: Place,
  message: string,
  { related = [], fix, severity = "error" }: DiagnosticDetails = {},
): Diagnostic {
  return { code, severity, message, ...place, related, ...(fix === undefined ? {} : { fix }) };
}

/** In the order of file, line, column and code; what is said twice of one place is said once. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const distinct = new Map(diagnostics.map((each) => [identity(each), each]));
  return [...distinct.values()].sort(
    (a, b) =>
      order(a.file, b.file) || a.line - b.line || a.column - b.column || order(identity(a), identity(b)),
  );
}

function identity({ file, line, column, code, message }: Diagnostic): string {
  return JSON.stringify([file, line, column, code, message]);
}

function order(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((each) => each.severity === "error");
}
