/**
 * What the types know of a user's schema: the document that it describes and which of its numbers
 * are fractional. Inference is structural and imports no schema library. It reads
 * Zod 4 (`_zod`), Standard Schema (https://standardschema.dev, `~standard`) and JSON Schema
 * written as a type, which is what TypeBox gives.
 */

interface ZodSchema {
  readonly _zod: { readonly output: unknown };
}
interface StandardSchema {
  readonly "~standard": { readonly types?: { readonly output: unknown } | undefined };
}
interface ObjectSchema {
  readonly type: "object";
}

/** A schema of the user's own: Zod 4, anything that speaks Standard Schema, or TypeBox. */
export type Schema = ZodSchema | StandardSchema | ObjectSchema;

/** The document that a schema describes: its output. */
export type Doc<S> = S extends { readonly _zod: { readonly output: infer Output } }
  ? Output
  : S extends StandardSchema
    ? NonNullable<S["~standard"]["types"]>["output"]
    : JsonSchemaValue<S>;

/**
 * Dotted paths of the number fields that may hold fractions, as far as types tell. `z.int()` and
 * `Type.Integer()` are integers; `z.number()`, with or without `.int()`, is fractional. Of other
 * libraries nothing is known: the compiler checks their JSON Schema.
 */
export type Fractional<S> = S extends ZodSchema
  ? ZodFractional<S, []>
  : S extends StandardSchema
    ? never
    : JsonSchemaFractional<S, []>;

/** Schemas may be recursive; paths end at this depth. */
type TooDeep = 6;

/** Paths below `F`, from paths relative to it: "" is `F` itself. */
type Below<F extends string, Relative> = Relative extends string
  ? Relative extends ""
    ? F
    : `${F}.${Relative}`
  : never;

// Paths are relative to the schema that holds them, so that the compiler works each kind of field out once. `def` is
// what Zod documents for library authors (https://zod.dev/library-authors, `zod/v4/core`).
type ZodFractional<S, Depth extends unknown[]> = S extends { readonly _zod: { readonly def: infer Def } }
  ? Depth["length"] extends TooDeep
    ? never
    : Def extends { type: "number" }
      ? Def extends { format: "safeint" | "int32" | "uint32" }
        ? never
        : ""
      : Def extends { type: "object"; shape: infer Shape }
        ? {
            [F in keyof Shape & string]: Below<F, ZodFractional<Shape[F], [...Depth, 0]>>;
          }[keyof Shape & string]
        : Def extends { innerType: infer Inner }
          ? ZodFractional<Inner, [...Depth, 0]>
          : Def extends { type: "pipe"; out: infer Output }
            ? ZodFractional<Output, [...Depth, 0]>
            : Def extends { type: "union"; options: readonly (infer Option)[] }
              ? ZodFractional<Option, [...Depth, 0]>
              : Def extends { type: "intersection"; left: infer Left; right: infer Right }
                ? ZodFractional<Left | Right, [...Depth, 0]>
                : never
  : never;

type JsonSchemaFractional<S, Depth extends unknown[]> = Depth["length"] extends TooDeep
  ? never
  : S extends { readonly type: "number" }
    ? ""
    : S extends { readonly properties: infer Properties }
      ? {
          [F in keyof Properties & string]: Below<F, JsonSchemaFractional<Properties[F], [...Depth, 0]>>;
        }[keyof Properties & string]
      : S extends { readonly anyOf: readonly (infer Option)[] }
        ? JsonSchemaFractional<Option, [...Depth, 0]>
        : never;

/** The value that a JSON Schema describes, where its keywords are known as types. */
type JsonSchemaValue<S> = S extends { readonly const: infer Value }
  ? Value
  : S extends { readonly enum: readonly (infer Value)[] }
    ? Value
    : S extends { readonly anyOf: readonly (infer Option)[] }
      ? JsonSchemaValue<Option>
      : S extends { readonly allOf: infer Parts extends readonly unknown[] }
        ? AllOf<Parts>
        : S extends { readonly type: infer Name }
          ? TypedValue<S, Name>
          : unknown;
type TypedValue<S, Name> = Name extends "string"
  ? string
  : Name extends "number" | "integer"
    ? number
    : Name extends "boolean"
      ? boolean
      : Name extends "null"
        ? null
        : Name extends "array"
          ? ArrayValue<S>
          : Name extends "object"
            ? ObjectValue<S>
            : unknown;
type ArrayValue<S> = S extends { readonly items: infer Items }
  ? Items extends readonly unknown[]
    ? { -readonly [I in keyof Items]: JsonSchemaValue<Items[I]> }
    : JsonSchemaValue<Items>[]
  : unknown[];
type ObjectValue<S> = S extends { readonly properties: infer Properties }
  ? Flat<
      { [F in Exclude<keyof Properties, Required<S>>]?: JsonSchemaValue<Properties[F]> } & {
        [F in keyof Properties & Required<S>]: JsonSchemaValue<Properties[F]>;
      }
    >
  : S extends { readonly patternProperties: infer Patterns }
    ? { [name: string]: JsonSchemaValue<Patterns[keyof Patterns]> }
    : { [name: string]: unknown };
type Required<S> = S extends { readonly required: readonly (infer Name)[] } ? Name : never;
type AllOf<Parts extends readonly unknown[]> = Parts extends readonly [infer First, ...infer Rest]
  ? JsonSchemaValue<First> & AllOf<Rest>
  : unknown;
type Flat<T> = { [F in keyof T]: T[F] };
