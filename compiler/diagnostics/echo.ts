import type { Diagnostic, Place } from "./diagnostic.ts";
import type { DiagnosticCode } from "./registry.ts";

/**
 * Drops what says a second time what is said better on the same line: by the types, which know what was meant,
 * or by the evaluated value, which says why. A call that throws is about all of its lines, which `extentOf` gives.
 */
export function withoutEchoes(
  fromTypes: readonly Diagnostic[],
  fromValues: readonly Diagnostic[],
  extentOf: (place: Place) => Place,
): readonly Diagnostic[] {
  const typed = onLines(fromTypes);
  const valued = onLines(fromValues);
  return [
    ...fromTypes.filter((each) => !says(valued, each, betterFromValues(each))),
    ...fromValues.filter((each) => {
      const codes = BETTER_FROM_TYPES[each.code] ?? [];
      if (each.code !== "WEIR0006") return !says(typed, each, codes);
      const { file, line, endLine = line } = extentOf(each);
      return !fromTypes.some(
        (other) =>
          codes.includes(other.code) && other.file === file && line <= other.line && other.line <= endLine,
      );
    }),
  ];
}

/** Of a code from the evaluation: the codes from the types that say it better. */
const BETTER_FROM_TYPES: { readonly [code in DiagnosticCode]?: readonly DiagnosticCode[] } = {
  // A call that the types refuse throws, too.
  WEIR0006: [
    "WEIR0001",
    "WEIR1001",
    "WEIR1002",
    "WEIR1011",
    "WEIR1012",
    "WEIR1013",
    "WEIR2001",
    "WEIR3001",
    "WEIR3013",
    "WEIR3014",
    "WEIR3016",
    "WEIR3017",
    "WEIR4005",
    "WEIR4006",
  ],
  WEIR1007: ["WEIR1001"],
  WEIR1013: ["WEIR1013"],
  WEIR3013: ["WEIR3013", "WEIR3014"],
  WEIR3014: ["WEIR3014"],
  WEIR3017: ["WEIR3017"],
  WEIR4005: ["WEIR4005"],
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
      return ["WEIR2002", "WEIR2005"];
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
