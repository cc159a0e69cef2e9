import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { displayPath } from "./text.ts";

/**
 * Workflow commands that GitHub turns into annotations, a line each.
 * Escapes: docs.github.com, "Workflow commands for GitHub Actions"; actions/toolkit `command.ts` has the same table.
 */
export function renderGithub(diagnostics: readonly Diagnostic[], { cwd }: { readonly cwd: string }): string {
  return diagnostics.map((each) => `${annotation(each, cwd)}\n`).join("");
}

function annotation(each: Diagnostic, cwd: string): string {
  const { severity, code, message, fix, file, line, column, endLine, endColumn } = each;
  const place: readonly (readonly [name: string, value: string | number | undefined])[] = [
    ["file", displayPath(file, cwd)],
    ["line", line || undefined],
    ["col", column || undefined],
    ["endLine", endLine],
    // GitHub ignores columns that are not on one line.
    ["endColumn", endLine === line ? endColumn : undefined],
    ["title", code],
  ];
  const properties = place.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${escapeProperty(String(value))}`],
  );
  return `::${severity} ${properties.join(",")}::${escapeData(fix === undefined ? message : `${message}\n${fix}`)}`;
}

function escapeData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
