/** What to do about an error that is TypeScript's own, where it comes of taking one of Weir's values for another. */
import ts from "typescript";
import type { FlowProgram } from "./program.ts";

/** TypeScript's codes for "has no such property", with and without a suggestion. */
const NO_PROPERTY = new Set([2339, 2551]);

/** By the name of the view's type, then by the member that was looked for in it; `*` is any. */
const VIEWS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Readable: {
    materializeTo:
      "A view made by read is for derivations. Materialize the collection, or what where gives of it; or derive a collection from this view and materialize that.",
    where: "Call where before read: orders.where(…).read(…).",
  },
  Reduced: {
    materializeTo:
      "Targets hold the reduced document of each key as they are: materialize the collection itself, without reduced().",
    where: "Call where before reduced: orders.where(…).reduced().",
    read: "Call read before reduced: orders.read(…).reduced().",
  },
  By: {
    "*": 'A shuffle key is for a derivation of several sources: derive("name", { from: { orders: orders.by(…) }, on: { … } }), with derive imported from weir.',
  },
};

export function adviceOn(flow: FlowProgram, node: ts.Node, code: number): string | undefined {
  if (!NO_PROPERTY.has(code) || !ts.isIdentifier(node)) return undefined;
  const { parent } = node;
  if (ts.isBindingElement(parent)) return node.text === "state" ? adviceOnState(parent) : undefined;
  if (!ts.isPropertyAccessExpression(parent) || parent.name !== node) return undefined;
  const type = flow.checker.getTypeAtLocation(parent.expression);
  const members = VIEWS[(type.aliasSymbol ?? type.symbol)?.name ?? ""];
  return members?.[node.text] ?? members?.["*"];
}

/** `{ state }` as the context of a handler of a derivation that declares none. */
function adviceOnState(element: ts.BindingElement): string | undefined {
  for (let at: ts.Node = element; !ts.isSourceFile(at); at = at.parent) {
    if (ts.isCallExpression(at) && /\bderive$/.test(at.expression.getText())) {
      return "Declare what is kept for each shuffle key beside on, in a derivation of one or several sources: state: { schema: z.object({ … }), initial: { … } }.";
    }
  }
  return undefined;
}
