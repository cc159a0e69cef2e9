import type { Diagnostic, Place } from "../diagnostics/diagnostic.ts";
import { REGISTRY } from "../diagnostics/registry.ts";
import { displayPath } from "./text.ts";

/** SARIF 2.1.0 (OASIS), for code-scanning services: one run, the rules that occur, a result per diagnostic. */
export function renderSarif(diagnostics: readonly Diagnostic[], { cwd }: { readonly cwd: string }): string {
  const codes = [...new Set(diagnostics.map(({ code }) => code))].sort();
  const log = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "weir",
            rules: codes.map((code) => ({ id: code, shortDescription: { text: REGISTRY[code] } })),
          },
        },
        results: diagnostics.map(({ code, severity, message, fix, related, ...place }) => ({
          ruleId: code,
          ruleIndex: codes.indexOf(code),
          level: severity,
          message: { text: fix === undefined ? message : `${message}\n${fix}` },
          locations: [{ physicalLocation: physicalLocation(place, cwd) }],
          relatedLocations: related.map((each) => ({
            physicalLocation: physicalLocation(each, cwd),
            message: { text: each.message },
          })),
        })),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

/** A place without a line is the file as a whole: SARIF leaves the region out. */
function physicalLocation({ file, line, column, endLine, endColumn }: Place, cwd: string): object {
  const uri = displayPath(file, cwd).split("/").map(encodeURIComponent).join("/");
  const artifactLocation = { uri };
  if (line === 0) return { artifactLocation };
  const end = endLine === undefined ? {} : { endLine, endColumn };
  return { artifactLocation, region: { startLine: line, startColumn: column, ...end } };
}
