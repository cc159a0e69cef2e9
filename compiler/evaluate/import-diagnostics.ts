import { resolve } from "node:path";
import type { Message } from "esbuild";
import { type Diagnostic, diagnostic, type Place } from "../diagnostics/diagnostic.ts";

/** What esbuild could not read or resolve. */
export function importDiagnostics(
  messages: readonly Message[],
  projectDir: string,
  project: Place,
): readonly Diagnostic[] {
  return messages.map(({ text, location }) => {
    const place: Place =
      location === null
        ? project
        : {
            file: resolve(projectDir, location.file),
            line: location.line,
            column: location.column + 1,
            endLine: location.line,
            endColumn: location.column + 1 + location.length,
          };
    const missing = /^Could not resolve "(.+)"$/.exec(text)?.[1];
    if (missing === undefined)
      return diagnostic("WEIR0005", place, `The flow files cannot be bundled: ${text}.`);
    const fix = /^[./]/.test(missing)
      ? "Check the path; it needs its extension."
      : `Install the package, or check its name: npm install ${packageName(missing)}.`;
    return diagnostic("WEIR0005", place, `The import "${missing}" cannot be resolved.`, { fix });
  });
}

function packageName(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}
