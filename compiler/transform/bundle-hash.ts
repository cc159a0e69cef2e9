import { transform } from "esbuild";
import { sha256 } from "../../plan/canonical.ts";
import { withCanonicalNames } from "../typescript/canonical-names.ts";

/**
 * A bundle's identity: SHA-256, hex, of its code without comments, white space and the names of its variables. The paths
 * that esbuild gives to CommonJS modules are left out, since they say where a package is installed.
 */
export async function bundleHash(code: string): Promise<string> {
  const pathless = code.replace(/(= __(?:commonJS|esm)(?:Min)?\(\{\n\s*)"(?:[^"\\]|\\.)*"\(/g, '$1"module"(');
  const { code: minified } = await transform(pathless, {
    minify: true,
    legalComments: "none",
    format: "esm",
    sourcefile: "bundle.mjs",
  });
  return sha256(withCanonicalNames(minified));
}
