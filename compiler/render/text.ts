import { readFileSync } from "node:fs";
import { isAbsolute, relative } from "node:path";
import { codeFrameColumns } from "@babel/code-frame";
import pc from "picocolors";
import type { Diagnostic, Place } from "../diagnostics/diagnostic.ts";

export interface TextOptions {
  /** Paths are shown relative to it. */
  readonly cwd: string;
  readonly color: boolean;
}

/** For a person: each diagnostic with its place, code frame, related places and fix; then a count. */
export function renderText(diagnostics: readonly Diagnostic[], options: TextOptions): string {
  if (diagnostics.length === 0) return "";
  const parts = diagnostics.map((each) => renderOne(each, options));
  return `${[...parts, summary(diagnostics)].join("\n\n")}\n`;
}

function renderOne(each: Diagnostic, options: TextOptions): string {
  const paint = pc.createColors(options.color);
  const severity = each.severity === "error" ? paint.red("error") : paint.yellow("warning");
  const lines = [
    `${paint.cyan(locate(each, options.cwd))} ${severity} ${paint.bold(each.code)}`,
    each.message,
    frame(each, options),
    ...each.related.flatMap((related) => [
      `  ${locate(related, options.cwd)} ${related.message}`,
      indent(frame(related, options), "  "),
    ]),
    each.fix === undefined ? "" : `${paint.green("fix")} ${each.fix}`,
  ];
  return lines.filter((line) => line !== "").join("\n");
}

function locate(place: Place, cwd: string): string {
  const path = displayPath(place.file, cwd);
  return place.line > 0 ? `${path}:${place.line}:${place.column}` : path;
}

/** With forward slashes; as it is where it lies outside `cwd`. */
export function displayPath(file: string, cwd: string): string {
  const path = relative(cwd, file);
  return (path.startsWith("..") || isAbsolute(path) ? file : path || ".").replaceAll("\\", "/");
}

function frame(place: Place, { color }: TextOptions): string {
  if (place.line === 0) return "";
  let source: string;
  try {
    source = readFileSync(place.file, "utf8");
  } catch {
    return "";
  }
  const { line, endLine } = place;
  // Since version 8 code-frame counts columns from 0, the end exclusive.
  const column = place.column - 1;
  // A span of many lines would show them all: its first line says enough.
  const end =
    endLine === line && place.endColumn !== undefined ? { end: { line, column: place.endColumn - 1 } } : {};
  return codeFrameColumns(
    source,
    { start: { line, column }, ...end },
    { highlightCode: color, forceColor: color, linesAbove: 2, linesBelow: 2 },
  );
}

function indent(text: string, by: string): string {
  return text === "" ? "" : text.replaceAll(/^/gm, by);
}

function summary(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter((each) => each.severity === "error").length;
  const warnings = diagnostics.length - errors;
  const count = (n: number, word: string): string[] => (n === 0 ? [] : [`${n} ${word}${n === 1 ? "" : "s"}`]);
  return `${[...count(errors, "error"), ...count(warnings, "warning")].join(", ")}. \`weir explain CODE\` tells more.`;
}
