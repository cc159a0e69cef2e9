/**
 * Recognises documents in their bytes, many times faster than they are parsed and validated. It knows the usual ways to write what
 * the usual schemas allow, and says nothing of all others: those are parsed. What it recognises, `JSON.parse` and the validator accept.
 */
import type { Json, JsonObject, JsonSchema } from "../plan/plan.ts";

/**
 * Where the document ends that begins at `at`; -1 where it is not recognised, which does not mean that it is bad. The bytes must be
 * UTF-8 from there on.
 */
export type Recogniser = (bytes: Uint8Array, at: number) => number;

/** Undefined where the schema has a rule that it does not know. */
export function compileRecogniser(schema: JsonSchema): Recogniser | undefined {
  try {
    return recogniserOf(schema as Json);
  } catch (error) {
    if (error instanceof UnknownRule) return undefined;
    throw error;
  }
}

class UnknownRule extends Error {
  override readonly name = "UnknownRule";
}

const NO = -1;

function recogniserOf(schema: Json | undefined): Recogniser {
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) throw new UnknownRule();
  const rules = Object.fromEntries(Object.entries(schema).filter(([rule]) => !ANNOTATIONS.has(rule)));
  if (Array.isArray(rules.anyOf)) {
    only(rules, ["anyOf"]);
    return anyOf(rules.anyOf.map(recogniserOf));
  }
  if (Array.isArray(rules.type)) {
    if ("enum" in rules || "const" in rules) throw new UnknownRule();
    // The other rules say nothing of these two.
    const alone = (type: Json) => type === "null" || type === "boolean";
    return anyOf(rules.type.map((type) => recogniserOf(alone(type) ? { type } : { ...rules, type })));
  }
  switch (rules.type) {
    case "object":
      return objectOf(rules);
    case "array":
      only(rules, ["type", "items"]);
      return arrayOf(recogniserOf(rules.items));
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

/** Of alternatives that each end where the value ends. */
function anyOf(alternatives: readonly Recogniser[]): Recogniser {
  return (bytes, at) => {
    for (const alternative of alternatives) {
      const end = alternative(bytes, at);
      if (end !== NO) return end;
    }
    return NO;
  };
}

function literal(text: string): Recogniser {
  const expected = Buffer.from(text);
  return (bytes, at) => (begins(bytes, at, expected) ? at + expected.length : NO);
}

function begins(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false;
  return true;
}

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Which are seen is kept as bits of a number. */
const MOST_PROPERTIES = 30;

function objectOf(rules: JsonObject): Recogniser {
  only(rules, ["type", "properties", "required", "additionalProperties"]);
  const { properties = {}, required = [] } = rules;
  const entries = Object.entries(properties as JsonObject);
  const names = entries.map(([name]) => name);
  if (entries.length > MOST_PROPERTIES || names.some((name) => RESERVED.has(name))) throw new UnknownRule();
  const quoted = names.map((name) => Buffer.from(JSON.stringify(name)));
  const values = entries.map(([, schema]) => recogniserOf(schema));
  const wanted = (required as readonly string[]).map((name) => names.indexOf(name));
  if (wanted.includes(-1)) throw new UnknownRule();
  const needed = wanted.reduce((bits, place) => bits | (1 << place), 0);
  /** What came after each property the last time, and, at the end, what came first: documents of one source are written alike. */
  const followers = new Int32Array(entries.length + 1);
  const count = entries.length;

  const placeOf = (bytes: Uint8Array, at: number): number => {
    for (let place = 0; place < count; place++)
      if (begins(bytes, at, quoted[place] as Uint8Array)) return place;
    return NO;
  };

  return (bytes, from) => {
    if (bytes[from] !== OPEN) return NO;
    let at = from + 1;
    let seen = 0;
    let before = count;
    for (;;) {
      while (bytes[at] === SPACE) at++;
      let place = followers[before] as number;
      if (place >= count || !begins(bytes, at, quoted[place] as Uint8Array)) {
        place = placeOf(bytes, at);
        // Also of an object without properties.
        if (place === NO) return NO;
        followers[before] = place;
      }
      const bit = 1 << place;
      if ((seen & bit) !== 0) return NO;
      seen |= bit;
      at += (quoted[place] as Uint8Array).length;
      if (bytes[at] !== COLON) return NO;
      at++;
      while (bytes[at] === SPACE) at++;
      at = (values[place] as Recogniser)(bytes, at);
      if (at === NO) return NO;
      before = place;
      const next = bytes[at];
      at++;
      if (next === COMMA) continue;
      return next === CLOSE && (seen & needed) === needed ? at : NO;
    }
  };
}

/** `_meta` is Weir's; the others are no properties like others to JavaScript. */
const RESERVED: ReadonlySet<string> = new Set(["_meta", "__proto__"]);

function arrayOf(item: Recogniser): Recogniser {
  return (bytes, from) => {
    if (bytes[from] !== OPEN_ARRAY) return NO;
    let at = from + 1;
    if (bytes[at] === CLOSE_ARRAY) return at + 1;
    for (;;) {
      while (bytes[at] === SPACE) at++;
      at = item(bytes, at);
      if (at === NO) return NO;
      const next = bytes[at];
      at++;
      if (next === COMMA) continue;
      return next === CLOSE_ARRAY ? at : NO;
    }
  };
}

function stringOf(rules: JsonObject): Recogniser {
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

/** Without escapes. */
const string: Recogniser = (bytes, from) => {
  if (bytes[from] !== QUOTE) return NO;
  for (let at = from + 1; ; at++) {
    const byte = bytes[at] as number; // undefined at the end, which is not in the range below
    if (byte === QUOTE) return at + 1;
    if (!(byte >= SPACE) || byte === BACKSLASH) return NO;
  }
};

/** Of `z.iso.datetime()`. */
const ZOD_DATE_TIME = String.raw`^(?:(?:\d\d[2468][048]|\d\d[13579][26]|\d\d0[48]|[02468][048]00|[13579][26]00)-02-29|\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|(?:02)-(?:0[1-9]|1\d|2[0-8])))T(?:(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z))$`;

/** `2001-01-31T23:59:59.999Z`, in UTC and with seconds; a leap day is not recognised. */
const dateTime: Recogniser = (bytes, from) => {
  const at = from + 1;
  if (bytes[from] !== QUOTE || bytes[at + 4] !== MINUS || bytes[at + 7] !== MINUS) return NO;
  if (bytes[at + 10] !== LETTER_T || bytes[at + 13] !== COLON || bytes[at + 16] !== COLON) return NO;
  const month = digits(bytes, at + 5);
  const day = digits(bytes, at + 8);
  if (!(digits(bytes, at) >= 0 && digits(bytes, at + 2) >= 0 && month >= 1 && month <= 12)) return NO;
  if (!(day >= 1 && day <= (DAYS[month] as number))) return NO;
  const hour = digits(bytes, at + 11);
  const minute = digits(bytes, at + 14);
  const second = digits(bytes, at + 17);
  if (!(hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59 && second >= 0 && second <= 59)) return NO;
  let end = at + 19;
  if (bytes[end] === POINT) {
    const fraction = ++end;
    while (isDigit(bytes[end])) end++;
    if (end === fraction) return NO;
  }
  return bytes[end] === LETTER_Z && bytes[end + 1] === QUOTE ? end + 2 : NO;
};

const LETTER_T = 0x54;
const LETTER_Z = 0x5a;
const DAYS = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Of two digits; -1 where they are none. */
function digits(bytes: Uint8Array, at: number): number {
  const [tens, ones] = [bytes[at], bytes[at + 1]];
  return isDigit(tens) && isDigit(ones) ? ((tens as number) - ZERO) * 10 + (ones as number) - ZERO : NO;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}

/** As many as every integer of so many digits is exact, and every number finite. */
const MOST_DIGITS = 15;

function numberOf(rules: JsonObject): Recogniser {
  only(rules, ["type", "minimum", "maximum"]);
  const { minimum = -Infinity, maximum = Infinity } = rules;
  if (typeof minimum !== "number" || typeof maximum !== "number") throw new UnknownRule();
  const mayBeFractional = rules.type === "number";
  const isBounded = minimum > -(10 ** MOST_DIGITS) || maximum < 10 ** MOST_DIGITS;
  return (bytes, from) => {
    const isNegative = bytes[from] === MINUS;
    const start = isNegative ? from + 1 : from;
    let at = start;
    let value = 0;
    for (; isDigit(bytes[at]); at++) value = value * 10 + (bytes[at] as number) - ZERO;
    const whole = at - start;
    // `-0` is left to the parser, and so is what begins with a zero that it should not have.
    if (whole === 0 || whole > MOST_DIGITS || (bytes[start] === ZERO && (whole > 1 || isNegative))) return NO;
    if (bytes[at] === POINT) {
      if (!mayBeFractional || isBounded) return NO;
      const fraction = ++at;
      while (isDigit(bytes[at])) at++;
      if (at === fraction) return NO;
    }
    const byte = bytes[at];
    if (byte === LETTER_E || byte === CAPITAL_E) return NO;
    if (
      isBounded &&
      !(isNegative ? -value >= minimum && -value <= maximum : value >= minimum && value <= maximum)
    )
      return NO;
    return at;
  };
}

const LETTER_E = 0x65;
const CAPITAL_E = 0x45;
