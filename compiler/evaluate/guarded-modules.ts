import { builtinModules, isBuiltin } from "node:module";

/** Modules of Node that compute and touch nothing outside: a flow file may use them as they are. */
const HARMLESS = new Set([
  "assert",
  "assert/strict",
  "buffer",
  "events",
  "module",
  "path",
  "path/posix",
  "path/win32",
  "punycode",
  "querystring",
  "string_decoder",
  "url",
  "util",
  "util/types",
]);

/** The name through which a guarded module reports a call. See `poison.ts`. */
export const TOUCH = Symbol.for("weir.touch");

/**
 * The source of what stands for a module of Node while flow files are evaluated: the module itself where
 * it is harmless, else an object whose functions report and throw when called.
 */
export function guardModule(specifier: string): string {
  const name = specifier.replace(/^node:/, "");
  if (HARMLESS.has(name) || !isBuiltin(specifier)) {
    return `export * from ${JSON.stringify(`node:${name}`)}; export { default } from ${JSON.stringify(`node:${name}`)};`;
  }
  const names = Object.keys(process.getBuiltinModule(`node:${name}`) ?? {}).filter((each) =>
    /^[A-Za-z_$][\w$]*$/.test(each),
  );
  const guards = names
    .filter((each) => each !== "default")
    .map(
      (each) =>
        `const _${each} = guard(${JSON.stringify(`node:${name}.${each}`)}); export { _${each} as ${each} };`,
    );
  return `
    const touch = (what) => globalThis[Symbol.for("weir.touch")](what);
    const guard = (path) => new Proxy(function () {}, {
      get: (target, name) => typeof name === "symbol" ? undefined : guard(path + "." + name),
      apply: () => touch(path + "()"),
      construct: () => touch("new " + path + "()"),
    });
    export default guard(${JSON.stringify(`node:${name}`)});
    ${guards.join("\n")}`;
}

/** For the fix: whether a transform or a flow may import it. */
export function isHarmlessBuiltin(specifier: string): boolean {
  const name = specifier.replace(/^node:/, "");
  return HARMLESS.has(name) && (builtinModules.includes(name) || isBuiltin(specifier));
}
