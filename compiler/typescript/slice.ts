/**
 * Cuts out of the user's modules what a transform reaches: its function, the top-level declarations that it
 * uses, and theirs, across files. Everything else, such as the declaring calls beside it, is blanked, so
 * that lines and columns stay where they were.
 */
import { isBuiltin } from "node:module";
import ts from "typescript";
import { type Diagnostic, diagnostic, type RelatedPlace } from "../diagnostics/diagnostic.ts";
import { isHarmlessBuiltin } from "../evaluate/guarded-modules.ts";
import { SHIM_EXPORTS, WEIR_SHIM } from "../transform/shim.ts";
import { changeOf, impureReference, usesOfThis } from "./effects.ts";
import { exportedNames } from "./exported-names.ts";
import { type TransformNode, topLevelStatement } from "./functions.ts";
import { type FlowProgram, isWeirSource, placeOf, type SourceScope, sourceScope } from "./program.ts";
import { type ImportBinding, type Reference, referencesOf } from "./references.ts";
import type { SliceSubject } from "./slice-subject.ts";
import { type KeptParts, sliceText, TRANSFORM_EXPORT } from "./slice-text.ts";

export interface TransformSlice {
  /** The file that exports the transform as `TRANSFORM_EXPORT`. */
  readonly entry: string;
  /** Text of each sliced module, by absolute path. Made anew by each call: a check bundles few slices. */
  modules(): ReadonlyMap<string, string>;
  /** What an import in a sliced module leads to, if it is sliced too or the shim: by importing file and specifier. */
  readonly links: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Whether it imports something that is neither sliced nor the shim: of a package, say. */
  readonly reachesOut: boolean;
  /** Whether it uses what only the shim has: it may return removals. */
  readonly usesShim: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

export { TRANSFORM_EXPORT };

export function sliceTransform(
  flow: FlowProgram,
  scope: SourceScope,
  transform: TransformNode,
  subject: SliceSubject,
): TransformSlice {
  const slicing = new Slicing(flow, subject);
  slicing.start(scope, transform);
  const modules = () =>
    new Map([...slicing.modules].map(([path, module]) => [path, sliceText(module.scope.file, module.parts)]));
  const { links, reachesOut, diagnostics } = slicing;
  const usesShim = [...links.values()].some((targets) => [...targets.values()].includes(WEIR_SHIM));
  return { entry: scope.file.fileName, modules, links, reachesOut, usesShim, diagnostics };
}

interface SlicedModule {
  readonly scope: SourceScope;
  readonly parts: KeptParts;
}

/** The work list of one slice. Grows until nothing new is reached. */
class Slicing {
  readonly modules = new Map<string, SlicedModule>();
  readonly links = new Map<string, Map<string, string>>();
  reachesOut = false;
  readonly diagnostics: Diagnostic[] = [];
  readonly #flow: FlowProgram;
  readonly #subject: SliceSubject;
  /** Exports asked for, as `file` and `name`. */
  readonly #asked = new Set<string>();
  /** The name in the transform itself that led to what is followed now. */
  #origin: ts.Identifier | undefined;
  /** The imports that led to what is followed now. */
  readonly #chain: ts.StringLiteralLike[] = [];
  readonly #toldOrigins = new Set<ts.Identifier>();

  constructor(flow: FlowProgram, subject: SliceSubject) {
    this.#flow = flow;
    this.#subject = subject;
  }

  start(scope: SourceScope, transform: TransformNode): void {
    const module = this.#module(scope);
    module.parts.transform = transform;
    for (const node of usesOfThis(transform)) {
      this.diagnostics.push(
        diagnostic(
          "WEIR3007",
          placeOf(node),
          `The ${this.#subject.name} uses this, which has no value when the runtime calls it.`,
          {
            fix: "Use the function's arguments, module-level constants and functions.",
          },
        ),
      );
    }
    this.#follow(scope, referencesOf(scope, transform), transform);
  }

  #module(scope: SourceScope): SlicedModule {
    const path = scope.file.fileName;
    const known = this.modules.get(path);
    if (known !== undefined) return known;
    const created: SlicedModule = {
      scope,
      parts: { statements: new Set(), bindings: new Set(), exports: new Set(), transform: undefined },
    };
    this.modules.set(path, created);
    return created;
  }

  #follow(scope: SourceScope, references: readonly Reference[], root: ts.Node): void {
    for (const reference of references) {
      if (this.#isTransformRoot(root)) this.#origin = reference.name;
      const impure = impureReference(reference, this.#subject);
      if (impure !== undefined) this.diagnostics.push(impure);
      switch (reference.kind) {
        case "module":
          this.#checkConstancy(reference.name, reference.declaration);
          this.#keep(scope, topLevelStatement(reference.declaration), reference.declaration);
          break;
        case "import":
          this.#checkChange(reference.name);
          this.#keepImport(scope, reference.declaration, reference.name);
          break;
        case "local":
          if (this.#isTransformRoot(root)) this.#captured(reference.name, reference.declaration);
          break;
        case "global":
          break;
      }
    }
  }

  #isTransformRoot(root: ts.Node): boolean {
    return [...this.modules.values()].some((module) => module.parts.transform === root);
  }

  #captured(name: ts.Identifier, declaration: ts.Node): void {
    const related = relatedTo(declaration, `${name.text} is declared here.`);
    const fix = this.#subject.takesParams
      ? `Pass ${name.text} in params and read it as ctx.params.${name.text}, or declare it as a const at the top level of the module.`
      : `Declare ${name.text} as a const at the top level of the module.`;
    this.diagnostics.push(
      diagnostic(
        "WEIR3003",
        placeOf(name),
        `The ${this.#subject.name} captures the local variable ${name.text}, which its bundle cannot hold.`,
        {
          related: [related],
          fix,
        },
      ),
    );
  }

  #checkConstancy(name: ts.Identifier, declaration: ts.Node): void {
    const list = ts.isVariableDeclaration(declaration) ? declaration.parent : undefined;
    const isChanged = changeOf(name) !== undefined;
    if (!isChanged && list !== undefined && (list.flags & ts.NodeFlags.Const) === 0) {
      this.diagnostics.push(
        diagnostic(
          "WEIR3004",
          placeOf(name),
          `The ${this.#subject.name} uses ${name.text}, a variable that can change, so the same document could give another result.`,
          {
            related: [relatedTo(declaration, `${name.text} is declared here.`)],
            fix: `Declare ${name.text} with const.`,
          },
        ),
      );
    }
    this.#checkChange(name, declaration);
  }

  #checkChange(name: ts.Identifier, declaration?: ts.Node): void {
    const change = changeOf(name);
    if (change === undefined) return;
    this.diagnostics.push(
      diagnostic(
        "WEIR3012",
        placeOf(change),
        `This changes ${name.text}, which outlives the call of the ${this.#subject.name} that uses it.`,
        {
          related:
            declaration === undefined ? [] : [relatedTo(declaration, `${name.text} is declared here.`)],
          fix: `Build ${name.text} whole in its initializer${this.#subject.takesParams ? `; keep what has to outlive a document in state, as in derive(name, { from, state, on }).` : "."}`,
        },
      ),
    );
  }

  #keep(scope: SourceScope, statement: ts.Statement, declaration?: ts.Declaration): void {
    const { parts } = this.#module(scope);
    if (declaration !== undefined) this.#checkOutsideChanges(scope, declaration);
    if (parts.statements.has(statement)) return;
    parts.statements.add(statement);
    this.#follow(scope, referencesOf(scope, statement), statement);
  }

  /** A statement beside a declaration that changes its value would be lost in the slice. */
  #checkOutsideChanges(scope: SourceScope, declaration: ts.Declaration): void {
    if (!ts.isVariableDeclaration(declaration) || !ts.isIdentifier(declaration.name)) return;
    const { text } = declaration.name;
    const visit = (node: ts.Node): void => {
      if (
        ts.isIdentifier(node) &&
        node.text === text &&
        node !== declaration.name &&
        changeOf(node) !== undefined
      ) {
        const symbol = scope.checker.getSymbolAtLocation(node);
        if (symbol?.declarations?.includes(declaration) === true) this.#checkChange(node, declaration);
      }
      if (!ts.isFunctionLike(node)) ts.forEachChild(node, visit);
    };
    for (const statement of scope.file.statements) {
      if (!ts.isFunctionDeclaration(statement) && statement !== topLevelStatement(declaration))
        visit(statement);
    }
  }

  #keepImport(scope: SourceScope, binding: ImportBinding, name: ts.Identifier): void {
    const { parts } = this.#module(scope);
    parts.bindings.add(binding);
    const specifier = specifierOf(binding);
    if (specifier === undefined) return;
    const asked = ts.isImportSpecifier(binding)
      ? (binding.propertyName ?? binding.name).text
      : ts.isImportClause(binding)
        ? "default"
        : "*";
    const member = asked === "*" ? memberOf(name) : undefined;
    if (/^weir(?:\/|$)/.test(specifier.text) && !isInShim(specifier, member ?? asked)) {
      this.#declarationReached(name, member === undefined ? name.text : `${name.text}.${member}`, binding);
      return;
    }
    this.#reach(scope, specifier, specifier.text === "weir" ? (member ?? asked) : asked, name);
  }

  #declarationReached(name: ts.Identifier, reached: string, binding: ts.Node): void {
    const origin = this.#origin ?? name;
    if (this.#toldOrigins.has(origin)) return;
    this.#toldOrigins.add(origin);
    const used = origin === name ? [] : [relatedTo(name, `${origin.text} leads to ${name.text} here.`)];
    this.diagnostics.push(
      diagnostic(
        "WEIR3009",
        placeOf(origin),
        `The ${this.#subject.name} reaches ${reached}, which declares flows and does not exist at run time.`,
        {
          related: [...used, relatedTo(binding, `${name.text} is imported here.`)],
          fix: "Use in a transform only constants and functions that need no capture, derive or connector.",
        },
      ),
    );
  }

  #reach(scope: SourceScope, specifier: ts.StringLiteralLike, asked: string, name: ts.Node): void {
    if (isBuiltin(specifier.text)) {
      if (isHarmlessBuiltin(specifier.text)) return;
      this.diagnostics.push(
        diagnostic(
          "WEIR3008",
          placeOf(this.#origin ?? name),
          `The ${this.#subject.name} reaches ${specifier.text}, a module of Node that a pure function does not need.`,
          {
            related: [...this.#chain, specifier].map((each) =>
              relatedTo(each, each === specifier ? "It is imported here." : `${each.text} is imported here.`),
            ),
            fix: "Compute from the document alone; read files and services in a capture.",
          },
        ),
      );
      return;
    }
    if (isInShim(specifier, asked)) {
      this.#link(scope, specifier, WEIR_SHIM);
      return;
    }
    const target = this.#localTarget(scope, specifier);
    if (target === undefined) {
      this.reachesOut = true;
      return;
    }
    this.#link(scope, specifier, target.file.fileName);
    this.#chain.push(specifier);
    this.#ask(target, asked);
    this.#chain.pop();
  }

  #link(scope: SourceScope, specifier: ts.StringLiteralLike, target: string): void {
    const importer = scope.file.fileName;
    const links = this.links.get(importer) ?? new Map<string, string>();
    this.links.set(importer, links.set(specifier.text, target));
  }

  /** The module that an import leads to, if it is one of the user's own sources. A package is bundled as it is. */
  #localTarget(scope: SourceScope, specifier: ts.StringLiteralLike): SourceScope | undefined {
    const { resolvedModule } = ts.resolveModuleName(
      specifier.text,
      scope.file.fileName,
      this.#flow.program.getCompilerOptions(),
      ts.sys,
      undefined,
      undefined,
      this.#flow.program.getModeForUsageLocation(scope.file, specifier),
    );
    if (resolvedModule === undefined || resolvedModule.isExternalLibraryImport === true) return undefined;
    const path = resolvedModule.resolvedFileName;
    if (/\.d\.[cm]?ts$|\.json$/.test(path) || path.includes("/node_modules/") || isWeirSource(path))
      return undefined;
    return sourceScope(this.#flow, path);
  }

  /** Keeps what a module exports under a name; `*` for all of it. */
  #ask(scope: SourceScope, name: string): void {
    const asked = `${scope.file.fileName}\0${name}`;
    if (this.#asked.has(asked)) return;
    this.#asked.add(asked);
    this.#module(scope);
    for (const statement of scope.file.statements) this.#askStatement(scope, statement, name);
  }

  #askStatement(scope: SourceScope, statement: ts.Statement, name: string): void {
    const { parts } = this.#module(scope);
    if (ts.isExportDeclaration(statement)) {
      this.#askReexport(scope, statement, name);
    } else if (ts.isExportAssignment(statement)) {
      if (name === "default" || name === "*") this.#keep(scope, statement);
    } else if (exportedNames(statement).some((each) => name === "*" || each === name)) {
      const declaration = ts.isVariableStatement(statement)
        ? statement.declarationList.declarations.find(
            (each) => ts.isIdentifier(each.name) && each.name.text === name,
          )
        : undefined;
      this.#keep(scope, statement, declaration);
      parts.exports.add(statement);
    }
  }

  #askReexport(scope: SourceScope, statement: ts.ExportDeclaration, name: string): void {
    if (statement.isTypeOnly) return;
    const { parts } = this.#module(scope);
    const { exportClause, moduleSpecifier } = statement;
    const from =
      moduleSpecifier !== undefined && ts.isStringLiteral(moduleSpecifier) ? moduleSpecifier : undefined;
    if (exportClause === undefined || ts.isNamespaceExport(exportClause)) {
      const wanted =
        exportClause === undefined ? name !== "default" : name === "*" || exportClause.name.text === name;
      if (!wanted || from === undefined) return;
      parts.statements.add(statement);
      this.#reach(scope, from, exportClause === undefined ? name : "*", from);
      return;
    }
    for (const element of exportClause.elements) {
      if (element.isTypeOnly || (name !== "*" && element.name.text !== name)) continue;
      parts.bindings.add(element);
      if (from !== undefined) {
        this.#reach(scope, from, (element.propertyName ?? element.name).text, element);
        continue;
      }
      const symbol = scope.checker.getExportSpecifierLocalTargetSymbol(element);
      for (const declaration of symbol?.declarations ?? []) {
        if (declaration.getSourceFile() !== scope.file) continue;
        if (
          ts.isImportSpecifier(declaration) ||
          ts.isImportClause(declaration) ||
          ts.isNamespaceImport(declaration)
        ) {
          const local = declaration.name;
          if (local !== undefined) this.#keepImport(scope, declaration, local);
        } else {
          this.#keep(scope, topLevelStatement(declaration), declaration);
        }
      }
    }
  }
}

/** Of `weir` in `weir.remove`, where `weir` is a namespace: the member. */
function memberOf({ parent }: ts.Identifier): string | undefined {
  return ts.isPropertyAccessExpression(parent) ? parent.name.text : undefined;
}

function isInShim(specifier: ts.StringLiteralLike, asked: string): boolean {
  return specifier.text === "weir" && SHIM_EXPORTS.has(asked);
}

function relatedTo(node: ts.Node, message: string): RelatedPlace {
  const named = ts.isVariableDeclaration(node) || ts.isParameter(node) ? node.name : node;
  return { ...placeOf(named), message };
}

function specifierOf(binding: ImportBinding): ts.StringLiteral | undefined {
  for (let at: ts.Node = binding; at !== undefined && !ts.isSourceFile(at); at = at.parent) {
    if (ts.isImportDeclaration(at))
      return ts.isStringLiteral(at.moduleSpecifier) ? at.moduleSpecifier : undefined;
  }
  return undefined;
}
