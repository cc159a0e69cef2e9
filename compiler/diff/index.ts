/** What the command line calls of the diff. Apart from the compiler's, which a check of unchanged flows loads whole. */
export type { CollectionSize, PlanDiff } from "./change.ts";
export { diff } from "./diff.ts";
export { changedGraph, graphOf } from "./plan-graph.ts";
export { renderDot, renderGraphJson } from "./render/graph.ts";
export { renderDiffJson } from "./render/json.ts";
export { renderDiffMarkdown } from "./render/markdown.ts";
export { renderMermaid } from "./render/mermaid.ts";
export { renderDiffText } from "./render/text.ts";
