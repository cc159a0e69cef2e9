/** A JSON schema as code that goes through a document's bytes and compares them with what they may be. */
import type { Json, JsonObject, JsonSchema } from "../../plan/plan.ts";
import { ZOD_DATE_TIME } from "../date-time.ts";
import {
  add,
  addF64,
  and,
  and64,
  bytes,
  type Code,
  call,
  type Expression,
  f64,
  get,
  i32,
  i64,
  isEqual,
  isLess,
  isLessF64,
  isMore,
  isMoreF64,
  isOther,
  isZero,
  isZero64,
  type Label,
  type Local,
  load64,
  load128,
  loadByte,
  multiply,
  multiplyF64,
  or,
  or64,
  subtract,
  subtractF64,
  toF64,
  trailingZeros,
  xor64,
} from "./wasm.ts";

/** Where the code is in the bytes. They are followed by zeros, which are in no document: nothing needs to look for their end. */
export interface Place {
  readonly code: Code;
  /** The address of the next byte. */
  readonly at: Local;
}

/** Writes code that moves `at` behind a value of the schema, or goes to `no`, where `at` is then anywhere. */
export type Matcher = (place: Place, no: Label) => void;

/** The schema has a rule that is not known here. */
export class UnknownRule extends Error {
  override readonly name = "UnknownRule";
}

/**
 * It knows the usual ways to write what the usual schemas allow: no escapes, no white space but spaces after commas, colons and
 * brackets, no exponents. Throws `UnknownRule`.
 */
export function matcherOf(schema: Json | JsonSchema | undefined): Matcher {
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) throw new UnknownRule();
  const rules = Object.fromEntries(
    Object.entries(schema as JsonObject).filter(([rule]) => !ANNOTATIONS.has(rule)),
  );
  if (Array.isArray(rules.anyOf)) {
    only(rules, ["anyOf"]);
    return anyOf(rules.anyOf.map(matcherOf));
  }
  if (Array.isArray(rules.type)) {
    if ("enum" in rules || "const" in rules) throw new UnknownRule();
    // The other rules say nothing of these two.
    const alone = (type: Json) => type === "null" || type === "boolean";
    return anyOf(rules.type.map((type) => matcherOf(alone(type) ? { type } : { ...rules, type })));
  }
  switch (rules.type) {
    case "object":
      return objectOf(rules);
    case "array":
      only(rules, ["type", "items"]);
      return arrayOf(matcherOf(rules.items));
    case "string":
      return stringOf(rules);
    case "integer":
    case "number":
      return numberOf(rules);
    case "boolean":
      only(rules, ["type"]);
      return anyOf([literal("true"), literal("false")]);
    case "null":
      only(rules, ["type"]);
      return literal("null");
    default:
      throw new UnknownRule();
  }
}

/** They refuse nothing. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  ...[
    "$schema",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
  ],
]);

function only(rules: JsonObject, known: readonly string[]): void {
  if (Object.keys(rules).some((rule) => !known.includes(rule))) throw new UnknownRule();
}

function anyOf(alternatives: readonly Matcher[]): Matcher {
  return ({ code, at }, no) => {
    const start = code.local();
    code.set(start, get(at));
    code.block((done) => {
      for (const alternative of alternatives) {
        code.block((next) => {
          alternative({ code, at }, next);
          code.goto(done);
        });
        code.set(at, get(start));
      }
      code.goto(no);
    });
  };
}

function literal(text: string): Matcher {
  return ({ code, at }, no) => {
    code.gotoIf(isZero(begins(at, text)), no);
    code.set(at, add(get(at), i32(Buffer.byteLength(text))));
  };
}

/** Compares eight bytes at a time. */
function begins(at: Local, text: string): Expression {
  const expected = Buffer.from(text);
  if (expected.length > LONGEST_LITERAL) throw new UnknownRule();
  const differences: Expression[] = [];
  for (let from = 0; from < expected.length; from += 8) {
    const length = Math.min(8, expected.length - from);
    const found = load64(get(at), from);
    const word = Buffer.alloc(8);
    expected.copy(word, 0, from);
    const compared = length === 8 ? found : and64(found, i64((1n << BigInt(8 * length)) - 1n));
    differences.push(xor64(compared, i64(word.readBigInt64LE())));
  }
  return isZero64(differences.reduce(or64));
}

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const LETTER_Z = 0x5a;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Moves behind this byte, or goes to `no`. */
function take({ code, at }: Place, byte: number, no: Label): void {
  code.gotoIf(isOther(loadByte(get(at)), i32(byte)), no);
  move({ code, at }, i32(1));
}

function move({ code, at }: Place, length: Expression): void {
  code.set(at, add(get(at), length));
}

function skipSpaces({ code, at }: Place): void {
  code.block((done) => {
    code.loop((again) => {
      code.gotoIf(isOther(loadByte(get(at)), i32(SPACE)), done);
      move({ code, at }, i32(1));
      code.goto(again);
    });
  });
}

/** Which are seen is kept as bits of an i32. */
const MOST_PROPERTIES = 30;
/** Bytes of a name or a literal. The memory has room for as many behind the bytes. */
export const LONGEST_LITERAL = 1024;

function objectOf(rules: JsonObject): Matcher {
  only(rules, ["type", "properties", "required", "additionalProperties"]);
  const { properties = {}, required = [] } = rules;
  const entries = Object.entries(properties as JsonObject);
  const names = entries.map(([name]) => name);
  if (entries.length > MOST_PROPERTIES || names.some((name) => RESERVED.has(name))) throw new UnknownRule();
  const wanted = (required as readonly string[]).map((name) => names.indexOf(name));
  if (wanted.includes(-1)) throw new UnknownRule();
  const needed = wanted.reduce((bits, index) => bits | (1 << index), 0);
  const keys = names.map((name) => `${JSON.stringify(name)}:`);
  const values = entries.map(([, schema]) => matcherOf(schema));

  return ownFunction(({ code, at }, no) => {
    const seen = code.local();
    take({ code, at }, OPEN, no);
    code.block((end) => {
      code.loop((search) => {
        const labels: Label[] = [];
        /** Behind the end of each property's block is what takes it. So a property that stands where the schema has it is next. */
        const properties = (count: number): void => {
          if (count === 0) {
            skipSpaces({ code, at });
            keys.forEach((key, index) => void code.gotoIf(begins(at, key), labels[index] as Label));
            code.goto(no);
            return;
          }
          const index = count - 1;
          code.block((label) => {
            labels[index] = label;
            properties(index);
          });
          move({ code, at }, i32(Buffer.byteLength(keys[index] as string)));
          code.gotoIf(and(get(seen), i32(1 << index)), no);
          code.set(seen, or(get(seen), i32(1 << index)));
          skipSpaces({ code, at });
          values[index]?.({ code, at }, no);
          code.gotoIf(isOther(loadByte(get(at)), i32(COMMA)), end);
          move({ code, at }, i32(1));
          if (count < keys.length) code.gotoIf(begins(at, keys[count] as string), labels[count] as Label);
          code.goto(search);
        };
        properties(keys.length);
      });
    });
    take({ code, at }, CLOSE, no);
    code.gotoIf(isOther(and(get(seen), i32(needed)), i32(needed)), no);
  });
}

/** V8 takes memory for what it compiles, a function at a time, and much of it for a large one. */
function ownFunction(matcher: Matcher): Matcher {
  return ({ code, at }, no) => {
    const callee = code.module.define(1, (inner) => {
      const end = inner.local();
      inner.block((none) => {
        matcher({ code: inner, at: 0 }, none);
        inner.set(end, get(0));
      });
      return [get(end)];
    });
    // Where the value does not match it is 0, where no value ends.
    code.set(at, call(callee, get(at)));
    code.gotoIf(isZero(get(at)), no);
  };
}

/** `_meta` is Weir's; the others are no properties like others to JavaScript. */
const RESERVED: ReadonlySet<string> = new Set(["_meta", "__proto__"]);

function arrayOf(item: Matcher): Matcher {
  return ({ code, at }, no) => {
    take({ code, at }, OPEN_ARRAY, no);
    code.block((end) => {
      code.gotoIf(isEqual(loadByte(get(at)), i32(CLOSE_ARRAY)), end);
      code.loop((again) => {
        skipSpaces({ code, at });
        item({ code, at }, no);
        code.gotoIf(isOther(loadByte(get(at)), i32(COMMA)), end);
        move({ code, at }, i32(1));
        code.goto(again);
      });
    });
    take({ code, at }, CLOSE_ARRAY, no);
  };
}

function stringOf(rules: JsonObject): Matcher {
  if ("enum" in rules || "const" in rules) {
    only(rules, ["type", "enum", "const"]);
    const values = [
      ...((rules.enum as readonly Json[] | undefined) ?? []),
      ...("const" in rules ? [rules.const as Json] : []),
    ];
    if ("enum" in rules && "const" in rules) throw new UnknownRule();
    return anyOf(
      values.filter((value) => typeof value === "string").map((value) => literal(JSON.stringify(value))),
    );
  }
  if (rules.format === "date-time") {
    only(rules, ["type", "format", "pattern"]);
    if (rules.pattern !== undefined && rules.pattern !== ZOD_DATE_TIME) throw new UnknownRule();
    return dateTime;
  }
  only(rules, ["type"]);
  return string;
}

/** Without escapes. Looks at sixteen bytes at a time. */
const string: Matcher = ({ code, at }, no) => {
  const special = code.local();
  const found = load128(get(at));
  const isSpecial = bytes.or(
    bytes.isEqual(found, bytes.all(BACKSLASH)),
    // A quote, or a control character: a space and a quote change places.
    bytes.isAtMost(bytes.xor(found, bytes.all(QUOTE ^ SPACE)), bytes.all(SPACE)),
  );
  take({ code, at }, QUOTE, no);
  code.block((done) => {
    code.loop((again) => {
      code.set(special, bytes.mask(isSpecial));
      code.gotoIf(get(special), done);
      move({ code, at }, i32(16));
      code.goto(again);
    });
  });
  move({ code, at }, trailingZeros(get(special)));
  take({ code, at }, QUOTE, no);
};

/** `2001-01-31T23:59:59.999Z`, in UTC and with seconds; a leap day is not recognised. */
const dateTime: Matcher = ({ code, at }, no) => {
  const month = code.local();
  const day = code.local();
  take({ code, at }, QUOTE, no);
  for (const [from, highest] of [
    [0, "9999-19-39T29:59"],
    [3, "9-19-39T29:59:59"],
  ] as const) {
    const lowest = [...Buffer.from(highest.replaceAll(/\d/g, "0"))];
    const found = load128(get(at), from);
    const isOutside = bytes.or(
      bytes.isLess(found, bytes.constant(lowest)),
      bytes.isMore(found, bytes.constant([...Buffer.from(highest)])),
    );
    code.gotoIf(bytes.mask(isOutside), no);
  }
  code.set(month, twoDigits(at, 5));
  code.set(day, twoDigits(at, 8));
  code.gotoIf(isMore(subtract(get(month), i32(1)), i32(11)), no);
  code.gotoIf(isMore(subtract(get(day), i32(1)), subtract(loadByte(get(month)), i32(1))), no);
  code.gotoIf(isMore(twoDigits(at, 11), i32(23)), no);
  move({ code, at }, i32(19));
  code.block((whole) => {
    code.gotoIf(isOther(loadByte(get(at)), i32(POINT)), whole);
    takeFraction({ code, at }, no);
  });
  take({ code, at }, LETTER_Z, no);
  take({ code, at }, QUOTE, no);
};

/** What must be in the memory from address 0: days of each month. */
export const DAYS = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function twoDigits(at: Local, offset: number): Expression {
  const digit = (byte: number) => subtract(loadByte(get(at), byte), i32(ZERO));
  return add(multiply(digit(offset), i32(10)), digit(offset + 1));
}

function isNoDigit(at: Local): Expression {
  return isMore(subtract(loadByte(get(at)), i32(ZERO)), i32(9));
}

/** A point, and digits. */
function takeFraction({ code, at }: Place, no: Label): void {
  move({ code, at }, i32(1));
  code.gotoIf(isNoDigit(at), no);
  code.block((done) => {
    code.loop((again) => {
      move({ code, at }, i32(1));
      code.gotoIf(isNoDigit(at), done);
      code.goto(again);
    });
  });
}

/** As many as every integer of so many digits is exact, and every number finite. */
const MOST_DIGITS = 15;

function numberOf(rules: JsonObject): Matcher {
  only(rules, ["type", "minimum", "maximum"]);
  const { minimum = -Infinity, maximum = Infinity } = rules;
  if (typeof minimum !== "number" || typeof maximum !== "number") throw new UnknownRule();
  const isBounded = minimum > -(10 ** MOST_DIGITS) || maximum < 10 ** MOST_DIGITS;
  const mayBeFractional = rules.type === "number" && !isBounded;
  return ({ code, at }, no) => {
    const isNegative = code.local();
    const count = code.local();
    code.set(isNegative, isEqual(loadByte(get(at)), i32(MINUS)));
    move({ code, at }, get(isNegative));
    const digits = bytes.subtract(load128(get(at)), bytes.all(ZERO));
    // More than 15 where all of them are digits.
    code.set(count, trailingZeros(bytes.mask(bytes.isAtLeast(digits, bytes.all(10)))));
    code.gotoIf(isMore(subtract(get(count), i32(1)), i32(MOST_DIGITS - 1)), no);
    // `-0` is left to the parser, and so is what begins with a zero that it should not have.
    const isPlainDigit = isEqual(add(get(count), get(isNegative)), i32(1));
    code.gotoIf(and(isEqual(loadByte(get(at)), i32(ZERO)), isZero(isPlainDigit)), no);
    if (isBounded) requireBounds({ code, at }, { isNegative, count, minimum, maximum }, no);
    move({ code, at }, get(count));
    // An exponent is what cannot come after a number.
    if (!mayBeFractional) return;
    code.block((whole) => {
      code.gotoIf(isOther(loadByte(get(at)), i32(POINT)), whole);
      takeFraction({ code, at }, no);
    });
  };
}

interface BoundedNumber {
  readonly isNegative: Local;
  readonly count: Local;
  readonly minimum: number;
  readonly maximum: number;
}

function requireBounds({ code, at }: Place, number: BoundedNumber, no: Label): void {
  const { isNegative, count, minimum, maximum } = number;
  const value = code.local("f64");
  const index = code.local();
  code.set(value, f64(0));
  code.set(index, i32(0));
  code.loop((again) => {
    const digit = subtract(loadByte(add(get(at), get(index))), i32(ZERO));
    code.set(value, addF64(multiplyF64(get(value), f64(10)), toF64(digit)));
    code.set(index, add(get(index), i32(1)));
    code.gotoIf(isLess(get(index), get(count)), again);
  });
  // Times 1, or -1.
  const sign = subtractF64(f64(1), multiplyF64(f64(2), toF64(get(isNegative))));
  code.set(value, multiplyF64(get(value), sign));
  code.gotoIf(isLessF64(get(value), f64(minimum)), no);
  code.gotoIf(isMoreF64(get(value), f64(maximum)), no);
}
