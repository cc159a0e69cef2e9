/**
 * Fields that a transform returns and the schema does not know. Types let them pass, since a function's result
 * may have more than its declared type; a collection may not.
 */
import ts from "typescript";
import type { JsonObject, JsonSchema } from "../../plan/plan.ts";
import { type Diagnostic, diagnostic } from "../diagnostics/diagnostic.ts";
import { bareExpression, type TransformNode } from "./functions.ts";
import { outputsOf } from "./outputs.ts";
import { type FlowProgram, placeOf } from "./program.ts";

export function surplusFields(
  flow: FlowProgram,
  transform: TransformNode,
  schema: JsonSchema,
  subject: string,
): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  for (const output of outputsOf(transform)) check(output, schema, "");
  return found;

  function check(expression: ts.Expression, expected: JsonSchema, path: string): void {
    // Most fields are no objects: their types need not be asked for.
    if (closedProperties(expected) === undefined) return;
    const bare = bareExpression(expression);
    if (ts.isConditionalExpression(bare)) {
      check(bare.whenTrue, expected, path);
      check(bare.whenFalse, expected, path);
    } else if (ts.isArrayLiteralExpression(bare) && path === "") {
      for (const element of bare.elements)
        check(ts.isSpreadElement(element) ? element.expression : element, expected, path);
    } else if (ts.isObjectLiteralExpression(bare)) {
      checkLiteral(bare, expected, path);
    } else {
      checkType(bare, flow.checker.getTypeAtLocation(bare), expected, path);
    }
  }

  function checkLiteral(literal: ts.ObjectLiteralExpression, expected: JsonSchema, path: string): void {
    const known = closedProperties(expected);
    if (known === undefined) return;
    for (const each of literal.properties) {
      if (ts.isSpreadAssignment(each)) {
        checkType(each, flow.checker.getTypeAtLocation(each.expression), expected, path);
        continue;
      }
      const name =
        each.name !== undefined && !ts.isComputedPropertyName(each.name) ? each.name.text : undefined;
      if (name === undefined) continue;
      const inner = known[name];
      if (inner === undefined) report(each.name ?? each, path, name);
      else if (ts.isPropertyAssignment(each) && isObject(inner))
        check(each.initializer, inner, `${path}${name}.`);
    }
  }

  function checkType(node: ts.Node, type: ts.Type, expected: JsonSchema, path: string): void {
    const known = closedProperties(expected);
    if (known === undefined || type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) return;
    for (const part of type.isUnion() ? type.types : [type]) {
      if (!(part.flags & ts.TypeFlags.Object) || part.getCallSignatures().length > 0) continue;
      const element = path === "" ? elementType(part) : undefined;
      if (element !== undefined) {
        checkType(node, element, expected, path);
        continue;
      }
      // A class instance or an iterator is for the types to refuse.
      if (part.isClass()) continue;
      for (const property of part.getProperties())
        if (!(property.name in known) && !property.name.startsWith("__@")) report(node, path, property.name);
    }
  }

  function elementType(type: ts.Type): ts.Type | undefined {
    if (flow.checker.isArrayType(type) || flow.checker.isTupleType(type))
      return flow.checker.getIndexTypeOfType(type, ts.IndexKind.Number);
    const name = type.symbol?.name;
    const iterable =
      name === "Generator" ||
      name === "Iterable" ||
      name === "IterableIterator" ||
      name === "IteratorObject" ||
      name === "ArrayIterator" ||
      name === "Set";
    // A generic type's first argument is what it yields.
    return iterable ? flow.checker.getTypeArguments(type as ts.TypeReference)[0] : undefined;
  }

  function report(node: ts.Node, path: string, name: string): void {
    found.push(
      diagnostic(
        "WEIR3002",
        placeOf(node),
        `The ${subject} returns the field ${path}${name}, which the schema does not have.`,
        {
          fix: `Add ${name} to the schema, or leave it out of what is returned.`,
        },
      ),
    );
  }
}

/** The properties of an object schema that allows no others; undefined where it allows them or says nothing plain. */
function closedProperties(schema: JsonSchema): JsonObject | undefined {
  return schema.additionalProperties === false && isObject(schema.properties) ? schema.properties : undefined;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
