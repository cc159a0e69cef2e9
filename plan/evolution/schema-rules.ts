/**
 * How a schema may evolve: each difference of a field falls under one rule. A `compatible` one leaves stored
 * documents valid and readable, and never rebuilds. Of an `incompatible` one that cannot be said of all of them,
 * so the collection is rebuilt: a derived one by its transform, a captured one by checking each stored document.
 */

/**
 * Whether what is already stored gets the change: `yes`, from the replay; `no`, it stays as it is; `not-needed`,
 * it fits as it is; `checked`, it is held against the new schema and cannot be made up where it does not fit.
 */
export type StoredRows = "yes" | "no" | "not-needed" | "checked";

export interface SchemaRule {
  readonly compatible: boolean;
  /** What becomes of stored rows where the change is made in place. */
  readonly stored: StoredRows;
  /** Whether a compatible change alters what a target holds: a column comes, goes, or takes other values. */
  readonly reachesTargets: boolean;
  /** Follows the field's path, as in `The field coupon …`. */
  readonly says: string;
}

const table = {
  "added-optional": rule(true, "no", true, "is new and optional: documents stored before lack it"),
  "added-to-open": rule(
    false,
    "checked",
    true,
    "is new and optional, where any field was allowed: documents stored before may hold another value there",
  ),
  "added-required": rule(false, "checked", true, "is new and required: documents stored before lack it"),
  removed: rule(true, "no", true, "is removed: documents stored before keep it and nothing reads it"),
  "required-to-optional": rule(true, "not-needed", true, "may now be missing"),
  "optional-to-required": rule(
    false,
    "checked",
    true,
    "is now required: documents stored before may lack it",
  ),
  "null-allowed": rule(true, "not-needed", true, "may now be null"),
  "null-refused": rule(
    false,
    "checked",
    true,
    "may no longer be null: documents stored before may hold null",
  ),
  "type-widened": rule(true, "not-needed", true, "takes more types: values stored before fit"),
  "type-narrowed": rule(false, "checked", true, "takes fewer types: values stored before may not fit"),
  "type-changed": rule(
    false,
    "checked",
    true,
    "has another type: values stored before do not fit or cannot be shown to",
  ),
  "values-added": rule(true, "not-needed", false, "takes more values: values stored before fit"),
  "values-removed": rule(false, "checked", false, "takes fewer values: values stored before may not fit"),
  "bounds-widened": rule(true, "not-needed", false, "has wider bounds: values stored before fit"),
  "bounds-narrowed": rule(false, "checked", false, "has narrower bounds: values stored before may not fit"),
  "format-removed": rule(true, "not-needed", true, "is no longer held to a format: values stored before fit"),
  "format-added": rule(false, "checked", true, "is held to a format: values stored before may not have it"),
  "format-changed": rule(
    false,
    "checked",
    true,
    "is held to another format: values stored before may not have it",
  ),
  opened: rule(true, "not-needed", false, "takes fields that the schema does not name"),
  closed: rule(
    false,
    "checked",
    false,
    "takes no other fields any more: documents stored before may hold some",
  ),
  unproved: rule(false, "checked", true, "has changed in a way whose effect on stored values is not known"),
};

export type SchemaRuleName = keyof typeof table;
export const SCHEMA_RULES: Readonly<Record<SchemaRuleName, SchemaRule>> = table;

function rule(compatible: boolean, stored: StoredRows, reachesTargets: boolean, says: string): SchemaRule {
  return { compatible, stored, reachesTargets, says };
}
