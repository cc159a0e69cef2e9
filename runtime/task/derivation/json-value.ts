/**
 * JSON values that live in memory between documents and must be as they would be if they were read from disk: what a
 * user's function gets is a copy, and what it leaves is brought into the one form that parsing its text would give.
 */
import type { Json, JsonObject } from "../../../plan/plan.ts";
import { setOwn } from "../../reduction/set-own.ts";

/** JSON that its holder may change. */
export interface Draft {
  [name: string]: Json | undefined;
}

/** Deeper values are refused: they would overflow the stack, and a value that holds itself has no depth. */
const MAX_DEPTH = 500;

/** A value that JSON cannot hold; `path` is a JSON Pointer, "" for the whole. */
export class NotJsonError extends Error {
  readonly path: string;
  constructor(names: readonly (string | number)[], message: string) {
    super(message);
    this.path = names.map((name) => `/${name}`).join("");
  }
}

/** A deep copy that nobody else holds. */
export function draftOf(object: JsonObject): Draft {
  const copy: Draft = { ...object };
  for (const name of Object.keys(copy)) {
    const value = copy[name];
    if (typeof value === "object" && value !== null) setOwn(copy, name, copyOf(value));
    else if (value === 0) copy[name] = 0; // -0, which its text does not tell from 0
  }
  return copy;
}

function copyOf(value: Json): Json {
  if (typeof value !== "object" || value === null) return value === 0 ? 0 : value;
  // `Array.isArray` does not narrow readonly arrays away, so the cast says what the test has shown.
  return Array.isArray(value) ? value.map(copyOf) : draftOf(value as JsonObject);
}

/** Whether a draft, which may by now hold anything, is still this value. Members that are undefined count as absent. */
export function isStill(value: Json | undefined, draft: unknown): boolean {
  if (typeof value !== "object" || value === null) return value === draft;
  if (typeof draft !== "object" || draft === null) return false;
  if (Array.isArray(value)) {
    if (!Array.isArray(draft) || draft.length !== value.length) return false;
    return value.every((element, i) => isStill(element, draft[i]));
  }
  if (!isPlain(draft)) return false;
  let present = 0;
  for (const name of Object.keys(draft)) {
    const member: unknown = Reflect.get(draft, name);
    if (member === undefined) continue;
    // `Array.isArray` does not narrow readonly arrays away, so the cast says what the test has shown.
    if (!Object.hasOwn(value, name) || !isStill((value as JsonObject)[name], member)) return false;
    present++;
  }
  return present === Object.keys(value).length;
}

/** Counts what texts and names in a value take, and something for all else: at least a sixth of its JSON's length. */
export interface Tally {
  characters: number;
}

/** What any value takes in JSON besides its text: a number, commas, quotes, braces. */
const OTHER_CHARACTERS = 32;

/**
 * A new value with what is in a draft, members that are undefined left out. Throws `NotJsonError` for what JSON cannot
 * hold.
 */
export function jsonOf(draft: unknown, tally: Tally = { characters: 0 }): Json {
  return convert(draft, [], tally);
}

function convert(value: unknown, path: (string | number)[], tally: Tally): Json {
  tally.characters += typeof value === "string" ? value.length + OTHER_CHARACTERS : OTHER_CHARACTERS;
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value === 0 ? 0 : value;
  if (typeof value !== "object") throw new NotJsonError(path, `is ${shown(value)}, which JSON cannot hold`);
  if (path.length > MAX_DEPTH) {
    throw new NotJsonError([], `is nested more than ${MAX_DEPTH} levels deep, or holds itself`);
  }
  if (Array.isArray(value)) {
    // Not `map`, which passes over holes.
    return Array.from(value, (element: unknown, i) => convertAt(element, i, path, tally));
  }
  if (!isPlain(value)) throw new NotJsonError(path, `is ${shown(value)}, which JSON cannot hold`);
  const result: Draft = {};
  for (const name of Object.keys(value)) {
    const member: unknown = Reflect.get(value, name);
    if (member === undefined) continue;
    tally.characters += name.length;
    setOwn(result, name, convertAt(member, name, path, tally));
  }
  return result;
}

function convertAt(value: unknown, name: string | number, path: (string | number)[], tally: Tally): Json {
  path.push(name);
  const converted = convert(value, path, tally);
  path.pop();
  return converted;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function shown(value: unknown): string {
  if (typeof value === "number" || value === undefined) return String(value);
  if (typeof value === "object" && value !== null) return `a ${value.constructor?.name ?? "value"}`;
  return `a ${typeof value}`;
}
