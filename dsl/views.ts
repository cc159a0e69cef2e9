/** The values of collections and their views. Only the calls that declare report; views are values. */
import { by } from "./by.ts";
import type { Collection, Readable, Reduced, WhereView } from "./collection.ts";
import { report } from "./collector.ts";
import type { CollectionDeclaration, ViewDeclaration } from "./declarations.ts";
import {
  continuesOf,
  type DerivedDefinition,
  declared,
  functionOf,
  onErrorOf,
  paramsOf,
  shardsOf,
} from "./definition.ts";
import { materialize } from "./materialize.ts";
import { checkRenaming } from "./names.ts";
import { checkedRead } from "./read.ts";
import { checkedWhere } from "./where.ts";

/** The collection that a declaration stands for. */
export function collection<D, K extends readonly string[], X extends string, P extends string>(
  declaration: CollectionDeclaration,
): Collection<D, K, X, P> {
  const { name } = declaration;
  const view = whole(name);
  const self: Collection<D, K, X, P> = {
    ...readable<D, K, X>(view),
    name,
    // The copy of the very key that K was inferred from.
    key: declaration.key as K,
    where: (filter) => whereView<D, K, X>({ ...view, where: checkedWhere(declaration, filter) }),
    read: (options) => readable<D, K, X>({ ...view, ...checkedRead(`${name}: read`, options) }),
    materializeTo(target, options) {
      materialize(view, target, options);
      return self;
    },
    renamedFrom(from) {
      checkRenaming(name, from);
      report({ kind: "rename", collection: name, from, stack: new Error().stack ?? "" });
      return self;
    },
  };
  return frozen(self);
}

function whole(name: string): ViewDeclaration {
  return Object.freeze({
    collection: name,
    where: Object.freeze({}),
    from: undefined,
    until: undefined,
    priority: 0,
    readDelay: undefined,
  });
}

function whereView<D, K extends readonly string[], X extends string>(
  declaration: ViewDeclaration,
): WhereView<D, K, X> {
  const view = Object.freeze(declaration);
  const self: WhereView<D, K, X> = {
    ...readable<D, K, X>(view),
    read: (options) => readable<D, K, X>({ ...view, ...checkedRead(`${view.collection}: read`, options) }),
    materializeTo(target, options) {
      materialize(view, target, options);
      return self;
    },
  };
  return frozen(self);
}

function readable<D, K extends readonly string[], X extends string>(
  view: ViewDeclaration,
): Readable<D, K, X> {
  return frozen<Readable<D, K, X>>({
    derive: (name, definition) => collection(derive(view, false, name, definition)),
    reduced: () => reduced<D, X>(view),
    by: (...key) => by({ ...view, reduced: false }, key),
  });
}

function reduced<D, X extends string>(view: ViewDeclaration): Reduced<D, X> {
  return frozen<Reduced<D, X>>({
    derive: (name, definition) => collection(derive(view, true, name, definition)),
    by: (...key) => by({ ...view, reduced: true }, key),
  });
}

function derive(
  view: ViewDeclaration,
  isReduced: boolean,
  name: string,
  definition: DerivedDefinition & { readonly transform: unknown; readonly removed?: unknown },
): CollectionDeclaration {
  const derived = declared("derive", name, definition);
  const place = `derive("${name}")`;
  const { transform, removed } = definition;
  if (transform === undefined) {
    throw new Error(`${place} has no transform. Give it a function from a document to its outputs.`);
  }
  if (isReduced && removed !== undefined) {
    throw new Error(
      `${place} has a removed, but reads reduced documents. Its transform sees a removal: there after is undefined.`,
    );
  }
  const source = {
    ...view,
    name: undefined,
    reduced: isReduced,
    by: undefined,
    transform: functionOf(`${place}: transform`, transform),
    removed: removed === undefined ? undefined : functionOf(`${place}: removed`, removed),
  };
  report({
    kind: "derive",
    collection: derived,
    sources: Object.freeze([Object.freeze(source)]),
    state: undefined,
    params: paramsOf(name, definition),
    shards: shardsOf(name, definition),
    continues: continuesOf(name, definition),
    onError: onErrorOf(place, definition),
    stack: new Error().stack ?? "",
  });
  return derived;
}

/** `Object.freeze`, whose type would make the compiler compare all methods once more. */
function frozen<T extends object>(value: T): T {
  Object.freeze(value);
  return value;
}
