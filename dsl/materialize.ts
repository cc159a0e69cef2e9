import { report } from "./collector.ts";
import type { ConnectorDescription, TargetMode } from "./connector.ts";
import type { ViewDeclaration } from "./declarations.ts";
import { shown } from "./json.ts";

/** How a target is kept in step. */
export interface MaterializeOptions {
  /** Raise it to have the target emptied and filled from history again. A whole number, default 0. */
  readonly backfill?: number;
  /**
   * What to do where the collection's schema changes in a way that the target cannot take as it stands. `"halt"`, the
   * default: `weir run` refuses the change and starts nothing until you decide. `"backfill"`: the target is emptied,
   * altered and filled from history again, where that is enough: a Postgres table that Weir made.
   */
  readonly onSchemaChange?: "halt" | "backfill";
  /** What the target was called before: the table, the key template. What is stored in it goes on. */
  readonly renamedFrom?: string;
}

const OPTIONS: readonly string[] = ["backfill", "onSchemaChange", "renamedFrom"];

/** @throws Error naming the option that cannot be. */
export function materialize(
  view: ViewDeclaration,
  target: ConnectorDescription & { readonly kind: unknown; readonly mode?: TargetMode },
  options: MaterializeOptions = {},
): void {
  const place = `${view.collection}: materializeTo`;
  if (typeof target !== "object" || target === null || target.kind !== "target") {
    throw new Error(`${place} has no target. Give it one, as in pg({ url, table }).`);
  }
  const { connector, config, resource, guarantee, mode = "standard" } = target;
  report({
    kind: "materialize",
    view,
    resource,
    target: Object.freeze({ connector, config, guarantee, mode }),
    ...checked(`${place}(${connector} ${resource})`, resource, options),
    stack: new Error().stack ?? "",
  });
}

function checked(place: string, resource: string, options: MaterializeOptions) {
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw new Error(
      `${place} has no option ${JSON.stringify(unknown)}. Its options are ${OPTIONS.join(", ")}.`,
    );
  }
  const { backfill = 0, onSchemaChange = "halt", renamedFrom } = options;
  if (!Number.isSafeInteger(backfill) || backfill < 0) {
    throw new Error(
      `${place}: backfill ${shown(backfill)} is no count. Give a whole number, as in backfill: 1.`,
    );
  }
  if (onSchemaChange !== "halt" && onSchemaChange !== "backfill") {
    throw new Error(
      `${place}: onSchemaChange ${shown(onSchemaChange)} is unknown. Give "halt" or "backfill".`,
    );
  }
  if (renamedFrom !== undefined && (typeof renamedFrom !== "string" || renamedFrom === "")) {
    throw new Error(`${place}: renamedFrom is empty. Give the name that ${resource} had.`);
  }
  if (renamedFrom === resource) {
    throw new Error(
      `${place} is renamed from its own name. Give the name that it had, or leave renamedFrom out.`,
    );
  }
  return { backfill, onSchemaChange, renamedFrom };
}
