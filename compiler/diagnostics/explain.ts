import { readFile } from "node:fs/promises";
import { isDiagnosticCode } from "./registry.ts";

/** The docs' page on a code, as Markdown; undefined for a code that Weir does not have. `code` in any case. */
export async function explain(code: string): Promise<string | undefined> {
  const name = code.toUpperCase();
  return isDiagnosticCode(name) ? await readFile(pageOf(name), "utf8") : undefined;
}

/** docs/ lies beside compiler/, in the repository and in the package's dist alike. */
export function pageOf(code: string): URL {
  return new URL(`../../docs/diagnostics/${code}.md`, import.meta.url);
}
