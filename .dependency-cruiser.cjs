/**
 * The import rule (ARCHITECTURE.md): cli -> compiler, runtime -> connectors -> plan, dsl; compiler -> dsl, plan;
 * the runtime never imports the compiler; dsl and plan import nothing of ours; a connector's constructor never
 * imports its driver. Type-only imports count. Tests may cross rooms; what they check may not.
 */
const TEST = "\\.test\\.ts$";
const OUTSIDE = "(console|flows|test|bench|tools|docs)";

/** A room and the rooms of ours that it must not import. */
const rooms = {
  dsl: `^(plan|compiler|runtime|connectors|cli|${OUTSIDE})/`,
  plan: `^(dsl|compiler|runtime|connectors|cli|${OUTSIDE})/`,
  compiler: `^(runtime|connectors|cli|${OUTSIDE})/`,
  runtime: `^(compiler|cli|${OUTSIDE})/`,
  connectors: `^(compiler|runtime|cli|${OUTSIDE})/`,
  cli: `^${OUTSIDE}/`,
};

module.exports = {
  forbidden: [
    ...Object.entries(rooms).map(([room, path]) => ({
      name: `${room}-imports`,
      severity: "error",
      from: { path: `^${room}/`, pathNot: TEST },
      to: { path },
    })),
    {
      name: "dsl-is-values-and-types",
      comment: "a flow file runs anywhere: no package and no Node API",
      severity: "error",
      from: { path: "^dsl/", pathNot: TEST },
      to: { pathNot: "^dsl/" },
    },
    {
      name: "constructor-imports-driver",
      severity: "error",
      from: { path: "^connectors/[^/]+/index\\.ts$" },
      to: { path: "^connectors/[^/]+/driver\\.ts$", reachable: true },
    },
    {
      name: "constructor-is-values-and-types",
      comment: "whatever a connector's index.ts reaches is ours: no package and no Node API",
      severity: "error",
      from: { path: "^connectors/[^/]+/index\\.ts$" },
      to: { pathNot: "^(connectors|plan|dsl)/", reachable: true },
    },
    {
      name: "dev-dependency-published",
      comment: "what is published may import only what package.json's dependencies name",
      severity: "error",
      from: { path: "^(dsl|plan|compiler|runtime|connectors|cli)/", pathNot: TEST },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"], dependencyTypesNot: ["type-only"] },
    },
    { name: "cycle", severity: "error", from: {}, to: { circular: true } },
    {
      name: "unresolvable",
      severity: "error",
      from: { path: "^(dsl|plan|compiler|runtime|connectors|cli)/" },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)(dist|fixtures|cases|types/(good|bad))/" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["weir-source", "import", "node", "default", "types"],
      mainFields: ["module", "main", "types"],
      extensions: [".ts", ".js", ".mjs", ".json"],
    },
  },
};
