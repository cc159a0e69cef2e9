/** What a piece of code refers to by name, as values: types leave no trace in a bundle. */
import ts from "typescript";
import { isModuleLevel } from "./functions.ts";
import type { SourceScope } from "./program.ts";

export type Reference =
  /** Declared at the top level of the same module. */
  | { readonly kind: "module"; readonly name: ts.Identifier; readonly declaration: ts.Declaration }
  | { readonly kind: "import"; readonly name: ts.Identifier; readonly declaration: ImportBinding }
  /** Declared outside the code, inside a function or block of its module. */
  | { readonly kind: "local"; readonly name: ts.Identifier; readonly declaration: ts.Declaration }
  /** Declared in no module: of the language or its environment. */
  | { readonly kind: "global"; readonly name: ts.Identifier };

export type ImportBinding =
  | ts.ImportSpecifier
  | ts.ImportClause
  | ts.NamespaceImport
  | ts.ImportEqualsDeclaration;

/** All references that leave `root`, in the order of the text. */
export function referencesOf(scope: SourceScope, root: ts.Node): readonly Reference[] {
  const found: Reference[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isExpressionWithTypeArguments(node)) {
      const heritage =
        ts.isHeritageClause(node.parent) && node.parent.token === ts.SyntaxKind.ImplementsKeyword;
      if (!heritage) visit(node.expression);
      return;
    }
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return;
    if (ts.isTypeParameterDeclaration(node)) return;
    if (ts.isIdentifier(node) && isValueName(node)) {
      const reference = resolve(scope, node, root);
      if (reference !== undefined) found.push(reference);
    }
    ts.forEachChild(node, visit);
  };
  visit(root);
  return found;
}

/** Whether an identifier reads or writes a variable, rather than names a property, a label or itself a declaration. */
function isValueName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isQualifiedName(parent)) return false;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  if (ts.isExportSpecifier(parent) || ts.isImportSpecifier(parent)) return false;
  if (ts.isLabeledStatement(parent) || ts.isBreakOrContinueStatement(parent)) return false;
  if (ts.isBindingElement(parent) && parent.propertyName === node) return false;
  if (ts.isMetaProperty(parent)) return false;
  return !(isDeclarationWithName(parent) && parent.name === node);
}

function isDeclarationWithName(node: ts.Node): node is ts.NamedDeclaration {
  return "name" in node;
}

function resolve(scope: SourceScope, name: ts.Identifier, root: ts.Node): Reference | undefined {
  const symbol = ts.isShorthandPropertyAssignment(name.parent)
    ? scope.checker.getShorthandAssignmentValueSymbol(name.parent)
    : scope.checker.getSymbolAtLocation(name);
  const declarations = symbol?.declarations ?? [];
  const binding = declarations.find(isImportBinding);
  if (binding !== undefined) return { kind: "import", name, declaration: binding };
  const here = declarations.filter((each) => each.getSourceFile() === scope.file && !isTypeOnly(each));
  const [declaration] = here;
  if (declaration === undefined) return { kind: "global", name };
  if (here.some((each) => isInside(each, root))) return undefined;
  return { kind: isModuleLevel(declaration) ? "module" : "local", name, declaration };
}

function isTypeOnly(node: ts.Node): boolean {
  return ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node);
}

function isImportBinding(node: ts.Node): node is ImportBinding {
  return (
    ts.isImportSpecifier(node) ||
    ts.isImportClause(node) ||
    ts.isNamespaceImport(node) ||
    ts.isImportEqualsDeclaration(node)
  );
}

export function isInside(node: ts.Node, root: ts.Node): boolean {
  return node.getSourceFile() === root.getSourceFile() && node.pos >= root.pos && node.end <= root.end;
}
