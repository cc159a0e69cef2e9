/** A user's project in a directory of its own, with Weir and Zod installed. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CompiledBuild, type CompileResult, compile, renderText } from "../../compiler/index.ts";

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
  symlinkSync(join(repository, "node_modules", "zod"), join(directory, "node_modules", "zod"), "dir");
  symlinkSync(join(repository, "node_modules", "typebox"), join(directory, "node_modules", "typebox"), "dir");
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
    compile: () => compile({ projectDir: directory, files: [...flows] }),
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

/** A bundle's transform, loaded as the runtime loads it. */
export async function transformOf(
  build: CompiledBuild,
  collection: string,
): Promise<(document: unknown, context: { params: unknown }) => unknown> {
  const hash = build.plan.derivations[collection]?.transform.bundle;
  const bundle = build.bundles.find((each) => each.hash === hash);
  if (bundle === undefined) throw new Error(`${collection} has no bundle`);
  const module: { default: (document: unknown, context: { params: unknown }) => unknown } = await import(
    `data:text/javascript;base64,${Buffer.from(bundle.code).toString("base64")}`
  );
  return module.default;
}
