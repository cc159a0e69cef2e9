/** Finds what the user wrote in a declaring call: its name, a key's element, a schema's field. */
import ts from "typescript";
import type { Place } from "../diagnostics/diagnostic.ts";
import { bareExpression } from "./functions.ts";
import { type FlowProgram, offsetOf, placeOf } from "./program.ts";

/** Steps into a declaring call, from its definition: `["key", "1"]`, `["schema", "address", "city"]`; `["name"]` and `["connector"]` stand apart. */
export type Aim = readonly string[];

/** The place of what `aim` leads to, or of the nearest thing around it; `place` itself where there is no call. */
export function aimAt(flow: FlowProgram, place: Place, aim: Aim): Place {
  const call = callAt(flow, place);
  if (call === undefined) return place;
  const [head, ...rest] = aim;
  const [first] = call.arguments;
  if (head === "name") return placeOf(first ?? call);
  if (head === "connector") return connectorPlace(flow, call, rest);
  const definition = call.arguments.at(-1);
  if (definition === undefined || head === undefined) return placeOf(calleeName(call));
  const start = propertyValue(flow, definition, head);
  if (start === undefined) return placeOf(first ?? calleeName(call));
  const found = head === "schema" ? schemaField(flow, start, rest) : nested(flow, start, rest);
  return placeOf(found);
}

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

export function calleeName(call: ts.CallExpression): ts.Node {
  return ts.isPropertyAccessExpression(call.expression) ? call.expression.name : call.expression;
}

/** Within the connector's own call: `http({ path })`. It is the second argument of `capture`, the first of `materializeTo`. */
function connectorPlace(flow: FlowProgram, call: ts.CallExpression, path: readonly string[]): Place {
  const argument = call.arguments.length > 1 ? call.arguments[1] : call.arguments[0];
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
  for (const step of path) {
    const next = propertyValue(flow, value, step);
    if (next === undefined) return found;
    found = next;
    value = next;
  }
  return found;
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
