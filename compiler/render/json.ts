import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { displayPath } from "./text.ts";

/** For a program: `{ "diagnostics": [{ code, severity, message, file, line, column, related, fix? }] }`, paths relative to `cwd`. */
export function renderJson(diagnostics: readonly Diagnostic[], { cwd }: { readonly cwd: string }): string {
  const shown = diagnostics.map(({ file, related, fix, ...rest }) => ({
    code: rest.code,
    severity: rest.severity,
    message: rest.message,
    file: displayPath(file, cwd),
    line: rest.line,
    column: rest.column,
    ...(rest.endLine === undefined ? {} : { endLine: rest.endLine, endColumn: rest.endColumn }),
    related: related.map((each) => ({ ...each, file: displayPath(each.file, cwd) })),
    ...(fix === undefined ? {} : { fix }),
  }));
  return `${JSON.stringify({ diagnostics: shown }, null, 2)}\n`;
}
