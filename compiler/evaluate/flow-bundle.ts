/** All flow files as one module, so that they are evaluated once and share what they import. */

import { existsSync } from "node:fs";
import { isBuiltin } from "node:module";
import { resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import {
  build,
  type Message,
  type Metafile,
  type OnResolveArgs,
  type Plugin,
  type ResolveResult,
} from "esbuild";
import { processConditions } from "../conditions.ts";
import { guardModule } from "./guarded-modules.ts";

export interface FlowBundle {
  readonly code: string;
  /** JSON of the source map; its sources are relative to `projectDir`. */
  readonly map: string;
  /** File URLs of the packages' modules that it imports. */
  readonly externals: readonly string[];
  /** Absolute paths of the files in it. */
  readonly inputs: readonly string[];
}

export type FlowBundleResult =
  | { readonly kind: "bundled"; readonly bundle: FlowBundle }
  | { readonly kind: "failed"; readonly messages: readonly Message[] };

const GUARD = "weir-guard";

/**
 * What may lie in a package. A path is left to esbuild, by a filter of its own: each question that a plugin asks it reads the
 * directories anew, and there would be one for each flow file.
 */
const MAY_BE_A_PACKAGE = /^[^./]|node_modules/;

/** Weir and what lies in `node_modules` stay outside and are loaded by Node; local modules go in. */
function externalPackages(externals: Set<string>): Plugin {
  return {
    name: "external-packages",
    setup(api) {
      // Flow files of one directory import the same packages: esbuild is asked once, and again where it has complaints.
      const resolved = new Map<string, Promise<ResolveResult>>();
      const ask = ({ path, kind, importer, resolveDir }: OnResolveArgs) =>
        api.resolve(path, { kind, importer, resolveDir, pluginData: GUARD });
      const resolveOnce = async (args: OnResolveArgs): Promise<ResolveResult> => {
        const key = JSON.stringify([args.kind, args.resolveDir, args.path]);
        const asked = resolved.get(key);
        if (asked !== undefined) {
          const known = await asked;
          return known.errors.length === 0 ? known : ask(args);
        }
        const asking = ask(args);
        resolved.set(key, asking);
        return asking;
      };
      api.onResolve({ filter: MAY_BE_A_PACKAGE }, async (args) => {
        if (args.pluginData === GUARD || args.kind === "entry-point") return undefined;
        if (args.namespace === GUARD) return undefined;
        if (isBuiltin(args.path)) return { path: args.path, namespace: GUARD };
        const { path, errors, external, namespace } = await resolveOnce(args);
        if (errors.length > 0 || external || namespace !== "file") return { errors, path, external };
        const ours = /^weir(?:\/|$)/.test(args.path);
        if (!ours && !path.includes(`${sep}node_modules${sep}`)) return { path };
        const url = pathToFileURL(path).href;
        if (args.kind !== "dynamic-import") externals.add(url);
        return { path: url, external: true };
      });
      api.onLoad({ filter: /.*/, namespace: GUARD }, ({ path }) => ({
        contents: guardModule(path),
        loader: "js",
      }));
    },
  };
}

/** Absolute paths of what was bundled; modules that plugins gave are left out. */
export function filesOf({ inputs }: Metafile, workingDir: string): readonly string[] {
  return Object.keys(inputs)
    .map((path) => resolve(workingDir, path))
    .filter((path) => existsSync(path));
}

export async function bundleFlows(projectDir: string, files: readonly string[]): Promise<FlowBundleResult> {
  const externals = new Set<string>();
  const entry = files.map((file) => `import ${JSON.stringify(file)};`).join("\n");
  try {
    const { outputFiles, metafile } = await build({
      stdin: { contents: entry, resolveDir: projectDir, sourcefile: "<flows>", loader: "js" },
      absWorkingDir: projectDir,
      outfile: "flows.mjs",
      bundle: true,
      write: false,
      format: "esm",
      platform: "node",
      target: "node22",
      conditions: [...processConditions()],
      // A statement `orders.materializeTo(…)` counts, whatever "sideEffects" of a package.json says.
      treeShaking: false,
      ignoreAnnotations: true,
      sourcemap: "external",
      sourcesContent: false,
      metafile: true,
      logLevel: "silent",
      plugins: [externalPackages(externals)],
    });
    const output = (suffix: string) => outputFiles.find((file) => file.path.endsWith(suffix))?.text ?? "";
    return {
      kind: "bundled",
      bundle: {
        code: output(".mjs"),
        map: output(".map"),
        externals: [...externals],
        inputs: filesOf(metafile, projectDir),
      },
    };
  } catch (error) {
    // esbuild's BuildFailure; anything else is a bug of ours and goes on up.
    if (error instanceof Error && "errors" in error && Array.isArray(error.errors)) {
      return { kind: "failed", messages: error.errors };
    }
    throw error;
  }
}
