/**
 * What V8 knows of a function value, through its inspector: where its source is. A search for symbols
 * does not find functions that were imported, wrapped or made in a loop; the value does.
 */
import { Session } from "node:inspector";
import type { GeneratedPosition } from "./generated-position.ts";

export type FunctionFacts =
  | { readonly kind: "source"; readonly position: GeneratedPosition; readonly async: boolean }
  | { readonly kind: "bound" }
  | { readonly kind: "native" };

/** In the order of `functions`. */
export function functionFacts(functions: readonly unknown[]): readonly FunctionFacts[] {
  const session = new Session();
  session.connect();
  const urls = new Map<string, string>();
  session.on("Debugger.scriptParsed", ({ params }) => urls.set(params.scriptId, params.url));
  // In-thread sessions answer before `post` returns.
  const properties = (objectId: string) => {
    const answer: {
      internal: { name: string; value?: { value?: unknown } | undefined }[];
      own: { name: string; value?: { objectId?: string | undefined } | undefined }[];
    } = { internal: [], own: [] };
    session.post("Runtime.getProperties", { objectId, ownProperties: true }, (error, result) => {
      if (error !== null) throw error;
      answer.internal = result.internalProperties ?? [];
      answer.own = result.result;
    });
    return answer;
  };
  const holder = Symbol.for("weir.functions");
  try {
    session.post("Debugger.enable");
    Reflect.set(globalThis, holder, functions);
    let list: string | undefined;
    session.post(
      "Runtime.evaluate",
      { expression: 'globalThis[Symbol.for("weir.functions")]' },
      (error, result) => {
        if (error !== null) throw error;
        list = result.result.objectId;
      },
    );
    if (list === undefined) throw new Error("The inspector gave no handle on the transforms.");
    const handles = new Map(properties(list).own.map((each) => [each.name, each.value?.objectId]));
    return functions.map((value, index) => {
      const handle = handles.get(String(index));
      if (handle === undefined) return { kind: "native" };
      const internal = new Map(properties(handle).internal.map((each) => [each.name, each.value]));
      if (internal.has("[[TargetFunction]]")) return { kind: "bound" };
      const place = internal.get("[[FunctionLocation]]")?.value;
      if (!isLocation(place)) return { kind: "native" };
      const url = urls.get(place.scriptId) ?? "";
      return {
        kind: "source",
        position: { url, line: place.lineNumber + 1, column: (place.columnNumber ?? 0) + 1 },
        async: /^\[object Async/.test(Object.prototype.toString.call(value)),
      };
    });
  } finally {
    Reflect.deleteProperty(globalThis, holder);
    session.disconnect();
  }
}

function isLocation(
  value: unknown,
): value is { scriptId: string; lineNumber: number; columnNumber?: number } {
  return typeof value === "object" && value !== null && "scriptId" in value && "lineNumber" in value;
}
