import type { Diagnostic } from "./diagnostic.ts";
import type { DiagnosticCode } from "./registry.ts";

/**
 * Drops what says a second time what is said better on the same line: by the types, which know what was meant,
 * or by the evaluated value, which says why.
 */
export function withoutEchoes(
  fromTypes: readonly Diagnostic[],
  fromValues: readonly Diagnostic[],
): readonly Diagnostic[] {
  const typed = onLines(fromTypes);
  const valued = onLines(fromValues);
  return [
    ...fromTypes.filter((each) => !says(valued, each, betterFromValues(each))),
    ...fromValues.filter((each) => !says(typed, each, BETTER_FROM_TYPES[each.code] ?? [])),
  ];
}

/** Of a code from the evaluation: the codes from the types that say it better. */
const BETTER_FROM_TYPES: { readonly [code in DiagnosticCode]?: readonly DiagnosticCode[] } = {
  // A call that the types refuse throws, too.
  WEIR0006: ["WEIR0001", "WEIR1001", "WEIR1002", "WEIR1011", "WEIR2001", "WEIR3001"],
  WEIR1007: ["WEIR1001"],
};

/** "Cannot find module": TypeScript cannot say more than the bundler. */
const MODULE_NOT_FOUND = /\(TS(?:2307|2792|7016)\)/;

function betterFromValues({ code, message }: Diagnostic): readonly DiagnosticCode[] {
  switch (code) {
    case "WEIR0001":
      return MODULE_NOT_FOUND.test(message) ? ["WEIR0005"] : [];
    case "WEIR1002":
      return ["WEIR1002", "WEIR1008"];
    case "WEIR1011":
      return ["WEIR1011"];
    case "WEIR2001":
      return ["WEIR2002"];
    default:
      return [];
  }
}

function onLines(diagnostics: readonly Diagnostic[]): ReadonlySet<string> {
  return new Set(diagnostics.map((each) => lineOf(each, each.code)));
}

function says(lines: ReadonlySet<string>, each: Diagnostic, codes: readonly DiagnosticCode[]): boolean {
  return codes.some((code) => lines.has(lineOf(each, code)));
}

function lineOf({ file, line }: Diagnostic, code: DiagnosticCode): string {
  return `${code} ${line} ${file}`;
}
