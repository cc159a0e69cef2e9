/** A transform's slice as one self-contained module, named by the hash of what it does. */

import { isBuiltin } from "node:module";
import { dirname, isAbsolute, relative } from "node:path";
import { build, type Message, type Plugin } from "esbuild";
import { filesOf } from "../evaluate/flow-bundle.ts";
import { isHarmlessBuiltin } from "../evaluate/guarded-modules.ts";
import { bundleHash } from "./bundle-hash.ts";
import { SHIM_TEXT, WEIR_SHIM } from "./shim.ts";

export interface SlicedModules {
  readonly entry: string;
  readonly modules: ReadonlyMap<string, string>;
  readonly links: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

export interface Bundle {
  /** SHA-256, hex. */
  readonly hash: string;
  /** An ES module whose default export is the transform. */
  readonly code: string;
  /** JSON of its source map: sources relative to the project's directory, with their content. */
  readonly map: string;
}

export type BundleResult =
  | {
      readonly kind: "bundled";
      readonly bundle: Bundle;
      /** Absolute paths of the files in it. */
      readonly inputs: readonly string[];
    }
  | { readonly kind: "failed"; readonly messages: readonly Message[] };

/** A module of Node that a package of the transform imports. Its text is matched by whoever reports it. */
export const NODE_MODULE = "is a module of Node";

function slices(sliced: SlicedModules): Plugin {
  return {
    name: "slices",
    setup(api) {
      api.onResolve({ filter: /.*/ }, (args) => {
        if (args.kind === "entry-point") return undefined;
        if (isBuiltin(args.path) && !isHarmlessBuiltin(args.path)) {
          return { errors: [{ text: `${args.path} ${NODE_MODULE}` }] };
        }
        if (isBuiltin(args.path)) return { path: args.path, external: true };
        const target =
          args.path === sliced.entry ? args.path : sliced.links.get(args.importer)?.get(args.path);
        if (target === WEIR_SHIM) return { path: target, namespace: WEIR_SHIM, sideEffects: false };
        return target === undefined ? undefined : { path: target, sideEffects: false };
      });
      api.onLoad({ filter: /.*/, namespace: WEIR_SHIM }, () => ({ contents: SHIM_TEXT, loader: "js" }));
      api.onLoad({ filter: /.*/ }, ({ path }) => {
        const contents = sliced.modules.get(path);
        if (contents === undefined) return undefined;
        const loader = /\.[cm]?ts$/.test(path) ? "ts" : path.endsWith("x") ? "tsx" : "js";
        return { contents, loader, resolveDir: dirname(path) };
      });
    },
  };
}

/** `exported` is the name under which the entry module exports the transform; `sources` gives a file's whole text. */
export async function bundleTransform(
  projectDir: string,
  sliced: SlicedModules,
  exported: string,
  readSource: (path: string) => string,
): Promise<BundleResult> {
  try {
    const { outputFiles, metafile } = await build({
      metafile: true,
      stdin: {
        contents: `export { ${exported} as default } from ${JSON.stringify(sliced.entry)};`,
        resolveDir: dirname(sliced.entry),
        sourcefile: "<transform>",
        loader: "js",
      },
      absWorkingDir: projectDir,
      outfile: "bundle.mjs",
      bundle: true,
      write: false,
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      target: "es2024",
      define: { "process.env.NODE_ENV": '"production"' },
      // Slices bring their own resolutions; nothing of the project's tsconfig.json may move a hash.
      tsconfigRaw: "{}",
      sourcemap: "external",
      sourcesContent: true,
      charset: "utf8",
      logLevel: "silent",
      plugins: [slices(sliced)],
    });
    const output = (suffix: string) => outputFiles.find((file) => file.path.endsWith(suffix))?.text ?? "";
    const code = output(".mjs");
    const hash = await bundleHash(code);
    const map = wholeSources(output(".map"), projectDir, sliced, readSource);
    return {
      kind: "bundled",
      bundle: { hash, code: `${code}//# sourceMappingURL=${hash}.mjs.map\n`, map },
      inputs: filesOf(metafile, projectDir),
    };
  } catch (error) {
    // esbuild's BuildFailure; anything else is a bug of ours and goes on up.
    if (error instanceof Error && "errors" in error && Array.isArray(error.errors)) {
      return { kind: "failed", messages: error.errors };
    }
    throw error;
  }
}

/** Shows in the map what the user wrote, not its slice. */
function wholeSources(
  map: string,
  projectDir: string,
  sliced: SlicedModules,
  readSource: (path: string) => string,
): string {
  const parsed: { sources: string[]; sourcesContent?: (string | null)[] } = JSON.parse(map);
  const byName = new Map(
    [...sliced.modules.keys()].map((path) => [relative(projectDir, path).replaceAll("\\", "/"), path]),
  );
  const contents = parsed.sources.map((source, index) => {
    const path = byName.get(source);
    return path === undefined ? (parsed.sourcesContent?.[index] ?? null) : readSource(path);
  });
  const sources = parsed.sources.map((source) =>
    isAbsolute(source) ? relative(projectDir, source) : source,
  );
  return `${JSON.stringify({ ...parsed, sources, sourcesContent: contents })}\n`;
}
