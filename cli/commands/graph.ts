import { graphOf, renderDot, renderGraphJson, renderMermaid } from "../../compiler/index.ts";
import { buildProject } from "../compile-project.ts";

interface GraphOptions {
  readonly format: "mermaid" | "dot" | "json";
  readonly json?: boolean;
  readonly config?: string;
}

export async function graph(files: readonly string[], options: GraphOptions): Promise<void> {
  const { build } = await buildProject(files, options.config);
  const found = graphOf(build.plan);
  const format = options.json ? "json" : options.format;
  const render = { mermaid: renderMermaid, dot: renderDot, json: renderGraphJson }[format];
  process.stdout.write(render(found));
}
