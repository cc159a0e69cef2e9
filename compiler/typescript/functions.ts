/** Finds a transform's node by the place that V8 gives, and says what kind of function it is. */
import ts from "typescript";
import { offsetOf, type SourceScope } from "./program.ts";

export type TransformNode =
  | ts.ArrowFunction
  | ts.FunctionExpression
  | ts.FunctionDeclaration
  | ts.MethodDeclaration;

/**
 * V8 points at a function's parameter list; the source map may lead to any token of the head. So: the innermost
 * function whose head, from its first token to its body, holds the place.
 */
export function functionAt(
  scope: SourceScope,
  place: { line: number; column: number },
): TransformNode | undefined {
  const { file } = scope;
  const offset = offsetOf(file, place);
  let found: TransformNode | undefined;
  const visit = (node: ts.Node): void => {
    if (offset < node.getStart(file) || offset > node.end) return;
    if (isTransformNode(node) && node.body !== undefined && offset <= node.body.getStart(file)) found = node;
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

export function isTransformNode(node: ts.Node): node is TransformNode {
  return (
    ts.isArrowFunction(node) ||
    ts.isFunctionExpression(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isMethodDeclaration(node)
  );
}

export function isGenerator(node: TransformNode): boolean {
  return !ts.isArrowFunction(node) && node.asteriskToken !== undefined;
}

/** The statement of the file that holds a node. */
export function topLevelStatement(node: ts.Node): ts.Statement {
  let at = node;
  while (!ts.isSourceFile(at.parent)) at = at.parent;
  // A source file's children are its statements.
  return at as ts.Statement;
}

/**
 * How a declaration stands to its module: at its top level, or local to something inside.
 * Loops and blocks at the top level make locals too.
 */
export function isModuleLevel(declaration: ts.Node): boolean {
  for (let at = declaration.parent; ; at = at.parent) {
    if (at === undefined || ts.isSourceFile(at)) return true;
    if (ts.isModuleBlock(at) || ts.isEnumDeclaration(at)) return true;
    const inside =
      ts.isFunctionLike(at) ||
      ts.isBlock(at) ||
      ts.isCaseBlock(at) ||
      ts.isCatchClause(at) ||
      ts.isClassLike(at);
    if (inside || ts.isForStatement(at) || ts.isForOfStatement(at) || ts.isForInStatement(at)) return false;
  }
}

/** An expression without parentheses, assertions and `satisfies`. */
export function bareExpression(expression: ts.Expression): ts.Expression {
  let at = expression;
  while (
    ts.isParenthesizedExpression(at) ||
    ts.isAsExpression(at) ||
    ts.isSatisfiesExpression(at) ||
    ts.isNonNullExpression(at) ||
    ts.isTypeAssertionExpression(at)
  ) {
    at = at.expression;
  }
  return at;
}
