/** What a function gives, as it stands in its text. */
import ts from "typescript";
import { bareExpression, type TransformNode } from "./functions.ts";

/** What is returned or yielded, in the function itself. */
export function outputsOf(transform: TransformNode): readonly ts.Expression[] {
  const { body } = transform;
  if (body === undefined) return [];
  if (!ts.isBlock(body)) return [body];
  const found: ts.Expression[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) || ts.isClassLike(node)) return;
    if ((ts.isReturnStatement(node) || ts.isYieldExpression(node)) && node.expression !== undefined)
      found.push(node.expression);
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(body, visit);
  return found;
}

/** The single outputs among them: both sides of a condition, the elements of a list. */
export function singleOutputs(expression: ts.Expression): readonly ts.Expression[] {
  const bare = bareExpression(expression);
  if (ts.isConditionalExpression(bare)) return [bare.whenTrue, bare.whenFalse].flatMap(singleOutputs);
  if (ts.isArrayLiteralExpression(bare)) {
    return bare.elements.flatMap((each) => (ts.isSpreadElement(each) ? [] : singleOutputs(each)));
  }
  return [bare];
}
