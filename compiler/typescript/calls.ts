/** Finds what the user wrote in a declaring call: its name, a key's element, a schema's field. */
import ts from "typescript";
import type { Place } from "../diagnostics/diagnostic.ts";
import { bareExpression } from "./functions.ts";
import { type FlowProgram, offsetOf, placeOf } from "./program.ts";

/**
 * Steps into a declaring call, from its definition: `["key", "1"]`, `["schema", "address", "city"]`,
 * `["from", "orders", "by", "0"]`. Apart from that stand `["name"]`, `["connector", …]`, `["options", …]` (of
 * `materializeTo`) and `["view", "where", "country"]`, which is of what the call is a method of.
 */
export type Aim = readonly string[];

/** The place of what `aim` leads to, or of the nearest thing around it; `place` itself where there is no call. */
export function aimAt(flow: FlowProgram, place: Place, aim: Aim): Place {
  const call = callAt(flow, place);
  if (call === undefined) return place;
  const [head, ...rest] = aim;
  const [first, second] = call.arguments;
  // A function of a package, which declares in its own files: there is nothing of its call to aim at.
  if (!DECLARING.has(calleeName(call).getText())) return placeOf(calleeName(call));
  if (head === "name") return placeOf(first ?? call);
  if (head === "connector") return connectorPlace(flow, call, rest);
  if (head === "options")
    return placeOf(second === undefined ? calleeName(call) : nested(flow, second, rest));
  if (head === "view") {
    const { expression } = call;
    const holder = ts.isPropertyAccessExpression(expression) ? expression.expression : expression;
    return placeOf(nested(flow, holder, rest, calleeName(call)));
  }
  const definition = call.arguments.at(-1);
  if (definition === undefined || head === undefined) return placeOf(calleeName(call));
  const start = propertyValue(flow, definition, head);
  if (start === undefined) return placeOf(first ?? calleeName(call));
  const found =
    head === "schema"
      ? schemaField(flow, start, rest)
      : head === "state" && rest[0] === "schema"
        ? schemaField(flow, propertyValue(flow, start, "schema") ?? start, rest.slice(1))
        : nested(flow, start, rest);
  return placeOf(found);
}

/** The calls that report to the collector. */
const DECLARING = new Set(["capture", "derive", "materializeTo", "renamedFrom"]);

/** The call whose callee's name stands at a place; else the innermost one whose callee begins before it. */
export function callAt(flow: FlowProgram, place: Place): ts.CallExpression | undefined {
  const file = flow.program.getSourceFile(place.file);
  if (file === undefined) return undefined;
  const offset = offsetOf(file, place);
  let exact: ts.CallExpression | undefined;
  let around: ts.CallExpression | undefined;
  const visit = (node: ts.Node): void => {
    if (offset < node.getStart(file) || offset > node.end) return;
    if (ts.isCallExpression(node)) {
      const name = calleeName(node);
      if (offset <= name.end) around = node;
      if (offset <= name.end && offset >= name.getStart(file)) exact = node;
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return exact ?? around;
}

/** The whole of the call at a place, for instance over several lines; the place itself where there is none. */
export function callExtent(flow: FlowProgram, place: Place): Place {
  const call = callAt(flow, place);
  return call === undefined ? place : placeOf(call);
}

export function calleeName(call: ts.CallExpression): ts.Node {
  return ts.isPropertyAccessExpression(call.expression) ? call.expression.name : call.expression;
}

/** Within the connector's own call: `http({ path })`. It is the second argument of `capture`, the first of `materializeTo`. */
function connectorPlace(flow: FlowProgram, call: ts.CallExpression, path: readonly string[]): Place {
  const argument = call.arguments[calleeName(call).getText() === "capture" ? 1 : 0];
  if (argument === undefined) return placeOf(calleeName(call));
  const connector = constantValue(flow, argument);
  const options = ts.isCallExpression(connector) ? connector.arguments[0] : undefined;
  return placeOf(options === undefined ? argument : nested(flow, options, path, argument));
}

function nested(
  flow: FlowProgram,
  start: ts.Expression,
  path: readonly string[],
  fallback: ts.Node = start,
): ts.Node {
  let found: ts.Node = fallback;
  let value = start;
  for (const [index, step] of path.entries()) {
    const view = chainedCall(flow, value, step);
    if (view !== undefined) {
      const [inner, ...rest] = path.slice(index + 1);
      if (inner === undefined) return calleeName(view);
      const argument = view.arguments[step === "by" ? Number(inner) : 0];
      if (argument === undefined || step === "by") return argument ?? calleeName(view);
      return nested(flow, argument, [inner, ...rest]);
    }
    const next = propertyValue(flow, value, step);
    if (next === undefined) return found;
    found = next;
    value = next;
  }
  return found;
}

/** Of `orders.where({ … }).read({ … }).by("customer")`: the call of a method. */
function chainedCall(flow: FlowProgram, start: ts.Expression, method: string): ts.CallExpression | undefined {
  let at = constantValue(flow, start);
  while (ts.isCallExpression(at) && ts.isPropertyAccessExpression(at.expression)) {
    if (at.expression.name.text === method) return at;
    at = constantValue(flow, at.expression.expression);
  }
  return undefined;
}

/** Follows `z.object({ a: z.object({ b: … }) })` and `Type.Object({ … })`: the first object literal among a call's arguments. */
function schemaField(flow: FlowProgram, start: ts.Expression, path: readonly string[]): ts.Node {
  let found: ts.Expression = start;
  for (const step of path) {
    const shape = shapeOf(flow, found);
    const next = shape === undefined ? undefined : propertyValue(flow, shape, step);
    if (next !== undefined) found = next;
    else if (step !== "[]" && step !== "*") break;
  }
  return found;
}

function shapeOf(flow: FlowProgram, schema: ts.Expression): ts.Expression | undefined {
  const value = constantValue(flow, schema);
  if (ts.isObjectLiteralExpression(value)) return value;
  if (!ts.isCallExpression(value)) return undefined;
  for (const argument of value.arguments) {
    const inner = shapeOf(flow, argument);
    if (inner !== undefined) return inner;
  }
  // `z.object({ … }).optional()`: what the method was called on.
  return ts.isPropertyAccessExpression(value.expression)
    ? shapeOf(flow, value.expression.expression)
    : undefined;
}

/** The value of an object literal's property or an array literal's element, through names. */
export function propertyValue(
  flow: FlowProgram,
  holder: ts.Expression,
  name: string,
): ts.Expression | undefined {
  const literal = constantValue(flow, holder);
  if (ts.isArrayLiteralExpression(literal)) return literal.elements[Number(name)];
  if (!ts.isObjectLiteralExpression(literal)) return undefined;
  for (const each of literal.properties) {
    if (each.name === undefined || propertyName(each.name) !== name) continue;
    if (ts.isPropertyAssignment(each)) return each.initializer;
    if (ts.isShorthandPropertyAssignment(each)) return each.name;
    // A method's name is what can be pointed at.
    if (ts.isMethodDeclaration(each) && ts.isIdentifier(each.name)) return each.name;
  }
  return undefined;
}

function propertyName(name: ts.PropertyName): string | undefined {
  return ts.isComputedPropertyName(name) ? undefined : name.text;
}

/** An expression without parentheses and type operators; a `const`'s initializer for its name. */
function constantValue(flow: FlowProgram, expression: ts.Expression, depth = 0): ts.Expression {
  const bare = bareExpression(expression);
  if (depth > 8 || !ts.isIdentifier(bare)) return bare;
  const parent = bare.parent;
  const symbol = ts.isShorthandPropertyAssignment(parent)
    ? flow.checker.getShorthandAssignmentValueSymbol(parent)
    : flow.checker.getSymbolAtLocation(bare);
  if (symbol === undefined) return bare;
  const target = symbol.flags & ts.SymbolFlags.Alias ? flow.checker.getAliasedSymbol(symbol) : symbol;
  const declaration = target.valueDeclaration;
  if (declaration === undefined || !ts.isVariableDeclaration(declaration)) return bare;
  const { initializer } = declaration;
  return initializer === undefined ? bare : constantValue(flow, initializer, depth + 1);
}
