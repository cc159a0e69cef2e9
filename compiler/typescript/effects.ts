/** What a transform must not do, as far as its text shows it: read the clock, use `this`, change what outlives the call. */
import ts from "typescript";
import { type Diagnostic, diagnostic } from "../diagnostics/diagnostic.ts";
import { placeOf } from "./program.ts";
import type { Reference } from "./references.ts";
import type { SliceSubject } from "./slice-subject.ts";

/** Globals that give another result each time or reach outside; of some, only these members. */
const IMPURE: Readonly<Record<string, readonly string[] | "all">> = {
  Date: ["now"],
  Math: ["random"],
  crypto: ["randomUUID", "getRandomValues"],
  performance: "all",
  process: "all",
  fetch: "all",
  XMLHttpRequest: "all",
  WebSocket: "all",
  EventSource: "all",
  setTimeout: "all",
  setInterval: "all",
  setImmediate: "all",
  queueMicrotask: "all",
  require: "all",
  globalThis: "all",
  eval: "all",
  Function: "all",
};

const REMEDY = "Compute from the document alone: take times from its fields";

/** A reference to a global that is not deterministic. */
export function impureReference(reference: Reference, subject: SliceSubject): Diagnostic | undefined {
  if (reference.kind !== "global") return undefined;
  const { name } = reference;
  const members = Object.hasOwn(IMPURE, name.text) ? IMPURE[name.text] : undefined;
  const { parent } = name;
  const member =
    ts.isPropertyAccessExpression(parent) && parent.expression === name ? parent.name.text : undefined;
  const wholeDate =
    name.text === "Date" &&
    ((ts.isNewExpression(parent) && (parent.arguments?.length ?? 0) === 0) ||
      (ts.isCallExpression(parent) && parent.expression === name));
  const listed = members === "all" || (member !== undefined && members?.includes(member) === true);
  if (!listed && !wholeDate) return undefined;
  const node = member === undefined ? (wholeDate ? parent : name) : parent;
  return diagnostic(
    "WEIR3011",
    placeOf(node),
    `The ${subject.name} uses ${node.getText()}, which may give another result when history is read again.`,
    { fix: `${REMEDY}${subject.takesParams ? ", and what differs between flows from params." : "."}` },
  );
}

/** `this` in the function itself; one in an inner class or function has a meaning of its own. */
export function usesOfThis(root: ts.Node): readonly ts.Node[] {
  const found: ts.Node[] = [];
  const visit = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.ThisKeyword || node.kind === ts.SyntaxKind.SuperKeyword) found.push(node);
    const own = ts.isFunctionDeclaration(node) || ts.isFunctionExpression(node) || ts.isClassLike(node);
    if ((own && node !== root) || ts.isTypeNode(node)) return;
    ts.forEachChild(node, visit);
  };
  visit(root);
  return found;
}

const MUTATORS = new Set([
  "push",
  "pop",
  "shift",
  "unshift",
  "splice",
  "sort",
  "reverse",
  "fill",
  "copyWithin",
  "set",
  "add",
  "delete",
  "clear",
  "assign",
  "defineProperty",
  "defineProperties",
  "setPrototypeOf",
]);

/** If the name is what an assignment, `delete`, `++` or a mutating method changes: the changing expression. */
export function changeOf(name: ts.Identifier): ts.Node | undefined {
  let at: ts.Expression = name;
  for (;;) {
    const { parent } = at;
    if (
      (ts.isPropertyAccessExpression(parent) || ts.isElementAccessExpression(parent)) &&
      parent.expression === at
    ) {
      if (ts.isPropertyAccessExpression(parent) && isMutatingCall(parent)) return parent.parent;
      at = parent;
    } else if (
      ts.isNonNullExpression(parent) ||
      ts.isParenthesizedExpression(parent) ||
      ts.isAsExpression(parent)
    ) {
      at = parent;
    } else {
      return isTarget(at) ? at.parent : undefined;
    }
  }
}

function isMutatingCall(access: ts.PropertyAccessExpression): boolean {
  const { parent } = access;
  return ts.isCallExpression(parent) && parent.expression === access && MUTATORS.has(access.name.text);
}

function isTarget(at: ts.Expression): boolean {
  const { parent } = at;
  if (ts.isDeleteExpression(parent)) return true;
  if (ts.isPrefixUnaryExpression(parent) || ts.isPostfixUnaryExpression(parent)) {
    return (
      parent.operator === ts.SyntaxKind.PlusPlusToken || parent.operator === ts.SyntaxKind.MinusMinusToken
    );
  }
  if (ts.isBinaryExpression(parent) && parent.left === at) {
    const { kind } = parent.operatorToken;
    return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;
  }
  // Object.assign(table, …) and its like.
  const callee = ts.isCallExpression(parent) && parent.arguments[0] === at ? parent.expression : undefined;
  return (
    callee !== undefined &&
    ts.isPropertyAccessExpression(callee) &&
    /^(?:Object|Reflect)$/.test(callee.expression.getText()) &&
    MUTATORS.has(callee.name.text)
  );
}
