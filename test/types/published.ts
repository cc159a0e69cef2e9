/** What the types cost a user: flows compiled against Weir's declarations, as the package has them, not its sources. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FIXTURES, ROOT, tsc } from "./compilers.ts";

const FOLDER = join(ROOT, ".scratch/types-published");
const CONNECTORS = ["files", "http", "postgres", "redis"];

/** Emits the declarations that flows import. */
export async function publish(): Promise<void> {
  const entries = ["dsl", ...CONNECTORS.map((name) => `connectors/${name}`)];
  const config = write("publish.json", {
    extends: join(ROOT, "tsconfig.build.json"),
    compilerOptions: { emitDeclarationOnly: true, rootDir: ROOT, outDir: join(FOLDER, "types") },
    include: [],
    files: entries.map((entry) => join(ROOT, entry, "index.ts")),
  });
  const said = await tsc("typescript-7", "-p", config);
  if (said !== "") throw new Error(said);
}

export interface Cost {
  readonly instantiations: number;
  readonly errors: number;
}

/** Of a fixture. */
export async function cost(compiler: "typescript" | "typescript-7", fixture: string): Promise<Cost> {
  const types = join(FOLDER, "types");
  const config = write(`${compiler}-${fixture.replaceAll("/", "-")}.json`, {
    extends: join(FIXTURES, "tsconfig.json"),
    compilerOptions: {
      customConditions: [],
      paths: {
        weir: [join(types, "dsl/index.d.ts")],
        "weir/*": [join(types, "connectors/*/index.d.ts")],
      },
    },
    include: [],
    files: [join(FIXTURES, fixture)],
  });
  // Several checkers would count what they share several times.
  const alone = compiler === "typescript-7" ? ["--singleThreaded"] : [];
  const said = await tsc(compiler, "-p", config, "--extendedDiagnostics", ...alone);
  const instantiations = Number(/^Instantiations:\s+(\d+)$/m.exec(said)?.[1]);
  return { instantiations, errors: [...said.matchAll(/: error TS\d+: /g)].length };
}

function write(name: string, config: object): string {
  mkdirSync(FOLDER, { recursive: true });
  const path = join(FOLDER, name);
  writeFileSync(path, JSON.stringify(config));
  return path;
}
