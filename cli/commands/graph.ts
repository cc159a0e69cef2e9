import {
  changedGraph,
  diff,
  graphOf,
  renderDot,
  renderGraphJson,
  renderMermaid,
} from "../../compiler/diff/index.ts";
import { buildProject } from "../compile-project.ts";
import { diffBase } from "../diff-base.ts";

interface GraphOptions {
  /** BASE as `weir diff` takes it; true for what last ran in the data directory. */
  readonly base?: string | true;
  readonly format: "mermaid" | "dot" | "json";
  readonly json?: boolean;
  readonly config?: string;
}

export async function graph(files: readonly string[], options: GraphOptions): Promise<void> {
  const { build, config } = await buildProject(files, options.config);
  const format = options.json ? "json" : options.format;
  const render = { mermaid: renderMermaid, dot: renderDot, json: renderGraphJson }[format];
  if (options.base === undefined) {
    process.stdout.write(render(graphOf(build.plan)));
    return;
  }
  const base = await diffBase(options.base === true ? undefined : options.base, files, config);
  const { changes } = diff(base.plan, build.plan);
  process.stdout.write(render(changedGraph(base.plan, build.plan), changes));
}
