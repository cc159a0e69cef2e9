/** A user's project in a directory of its own, with Weir, schema libraries and Drizzle installed. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { targetFit } from "../../cli/target-fit.ts";
import { type CompiledBuild, type CompileResult, compile } from "../../compiler/compile.ts";
import { renderText } from "../../compiler/render/text.ts";

const repository = fileURLToPath(new URL("../../", import.meta.url));

export interface Project extends Disposable {
  readonly directory: string;
  write(files: Readonly<Record<string, string>>): void;
  /** Compiles the files that end in `.flow.ts` of what was written. */
  compile(): Promise<CompileResult>;
  /** As `compile`, for flows that are right. Throws with the diagnostics if they are not. */
  build(): Promise<CompiledBuild>;
}

export function project(files: Readonly<Record<string, string>>, name = "project"): Project {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "weir-test-")));
  const directory = join(root, name);
  mkdirSync(join(directory, "node_modules"), { recursive: true });
  symlinkSync(repository, join(directory, "node_modules", "weir"), "dir");
  for (const name of ["zod", "typebox", "drizzle-orm"])
    symlinkSync(join(repository, "node_modules", name), join(directory, "node_modules", name), "dir");
  const flows = new Set<string>();
  const self: Project = {
    directory,
    write: (more) => {
      for (const [path, text] of Object.entries(more)) {
        mkdirSync(dirname(join(directory, path)), { recursive: true });
        writeFileSync(join(directory, path), text);
        if (path.endsWith(".flow.ts")) flows.add(join(directory, path));
      }
    },
    compile: () => compile({ projectDir: directory, files: [...flows], targetFit }),
    build: async () => {
      const { build, diagnostics } = await self.compile();
      if (build === undefined) throw new Error(renderText(diagnostics, { cwd: directory, color: false }));
      return build;
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
  self.write(files);
  return self;
}

/** A derivation's function, as the runtime calls it. A shuffle key's takes the document alone. */
export type LoadedFunction = (
  document: unknown,
  context: { readonly params: unknown; readonly state?: unknown },
) => unknown;

/** The transform of a derivation of one source, loaded as the runtime loads it. */
export function transformOf(build: CompiledBuild, collection: string): Promise<LoadedFunction> {
  return loadBundle(build, build.plan.derivations[collection]?.sources[0]?.transform.bundle);
}

export async function loadBundle(build: CompiledBuild, hash: string | undefined): Promise<LoadedFunction> {
  const bundle = build.bundles.find((each) => each.hash === hash);
  if (bundle === undefined) throw new Error(`There is no bundle ${hash}`);
  const module: { default: LoadedFunction } = await import(
    `data:text/javascript;base64,${Buffer.from(bundle.code).toString("base64")}`
  );
  return module.default;
}
