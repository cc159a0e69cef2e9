/** Which of a function's outputs do not fit, field by field: of a block body TypeScript says only that the function does not. */
import ts from "typescript";
import type { Place } from "../diagnostics/diagnostic.ts";
import { bareExpression, type TransformNode } from "./functions.ts";
import { outputsOf, singleOutputs } from "./outputs.ts";
import { type FlowProgram, placeOf } from "./program.ts";

export interface Misfit {
  readonly place: Place;
  /** A sentence without its end. */
  readonly what: string;
}

/** Empty where the outputs cannot be told apart from what is expected. */
export function misfits(flow: FlowProgram, transform: TransformNode): readonly Misfit[] {
  const { checker } = flow;
  const expected = expectedOutput(checker, transform);
  const documents = expected === undefined ? [] : documentsIn(expected);
  if (expected === undefined || documents.length === 0) return [];
  return outputsOf(transform)
    .flatMap(singleOutputs)
    .filter((output) => !checker.isTypeAssignableTo(checker.getTypeAtLocation(output), expected))
    .flatMap((output) => documentMisfits(checker, output, documents));
}

function expectedOutput(checker: ts.TypeChecker, transform: TransformNode): ts.Type | undefined {
  const type =
    ts.isArrowFunction(transform) || ts.isFunctionExpression(transform)
      ? checker.getContextualType(transform)
      : ts.isMethodDeclaration(transform) && ts.isObjectLiteralExpression(transform.parent)
        ? memberType(checker, transform.parent, transform.name)
        : undefined;
  const [signature] = type === undefined ? [] : checker.getSignaturesOfType(type, ts.SignatureKind.Call);
  return signature && checker.getReturnTypeOfSignature(signature);
}

function memberType(
  checker: ts.TypeChecker,
  literal: ts.ObjectLiteralExpression,
  name: ts.PropertyName,
): ts.Type | undefined {
  if (ts.isComputedPropertyName(name)) return undefined;
  const property = checker.getContextualType(literal)?.getProperty(name.text);
  return property && checker.getTypeOfSymbol(property);
}

/** Of `Out<D, …>`, the documents: not a removal, several or nothing. */
function documentsIn(expected: ts.Type): readonly ts.Type[] {
  const parts = expected.isUnion() ? expected.types : [expected];
  return parts.filter(
    (part) =>
      (part.flags & ts.TypeFlags.Object) !== 0 &&
      part.symbol?.name !== "Remove" &&
      part.symbol?.name !== "Iterable",
  );
}

/** Which of several documents was meant is not known: then it is told of the whole output. */
function documentMisfits(
  checker: ts.TypeChecker,
  output: ts.Expression,
  documents: readonly ts.Type[],
): readonly Misfit[] {
  const [document, ...more] = documents;
  if (document !== undefined && more.length === 0) return fieldMisfits(checker, output, document);
  const wanted = documents.map((each) => checker.typeToString(each)).join(" | ");
  const given = checker.typeToString(checker.getTypeAtLocation(output));
  return [{ place: placeOf(output), what: `Type '${given}' is not assignable to type '${wanted}'` }];
}

function fieldMisfits(
  checker: ts.TypeChecker,
  output: ts.Expression,
  expected: ts.Type,
  path = "",
): readonly Misfit[] {
  const literal = bareExpression(output);
  if (!ts.isObjectLiteralExpression(literal)) {
    return [
      { place: placeOf(output), what: notAssignable(checker, checker.getTypeAtLocation(output), expected) },
    ];
  }
  const actual = checker.getTypeAtLocation(literal);
  return checker.getPropertiesOfType(expected).flatMap((property): readonly Misfit[] => {
    const wanted = checker.getTypeOfSymbol(property);
    const given = actual.getProperty(property.name);
    if (given === undefined) {
      if (property.flags & ts.SymbolFlags.Optional) return [];
      return [{ place: placeOf(literal), what: `The field ${path}${property.name} is missing` }];
    }
    const type = checker.getTypeOfSymbolAtLocation(given, literal);
    if (checker.isTypeAssignableTo(type, wanted)) return [];
    const member = literal.properties.find(
      (each) =>
        each.name !== undefined && !ts.isComputedPropertyName(each.name) && each.name.text === property.name,
    );
    const value = member !== undefined && ts.isPropertyAssignment(member) ? member.initializer : undefined;
    const inner = wanted.flags & ts.TypeFlags.Object && value && bareExpression(value);
    if (inner && ts.isObjectLiteralExpression(inner))
      return fieldMisfits(checker, inner, wanted, `${path}${property.name}.`);
    return [{ place: placeOf(member?.name ?? literal), what: notAssignable(checker, type, wanted) }];
  });
}

function notAssignable(checker: ts.TypeChecker, given: ts.Type, wanted: ts.Type): string {
  return `Type '${checker.typeToString(given)}' is not assignable to type '${checker.typeToString(wanted)}'`;
}
