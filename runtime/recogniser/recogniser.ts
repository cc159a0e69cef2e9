/**
 * Recognises documents in their bytes, many times faster than they are parsed and validated. What it recognises, `JSON.parse` and
 * the validator accept; it says nothing of all else, which is parsed. `schema-code.ts` says what it knows.
 *
 * It is WebAssembly, made of the schema: that has instructions for sixteen bytes at a time, and is fast from the first document on.
 */
import type { Recogniser } from "../../connectors/driver.ts";
import type { JsonSchema } from "../../plan/plan.ts";
import { DAYS, LONGEST_LITERAL, type Matcher, matcherOf, UnknownRule } from "./schema-code.ts";
import { add, get, i32, instanceOf, isAtLeast, isEqual, isOther, loadByte, Module } from "./wasm.ts";

/** Undefined where the schema has a rule that it does not know. */
export function compileRecogniser(schema: JsonSchema): Recogniser | undefined {
  try {
    return recogniserOf(matcherOf(schema));
  } catch (error) {
    if (error instanceof UnknownRule) return undefined;
    throw error;
  }
}

const LF = 0x0a;
const PAGE_BYTES = 64 * 1024;
const PAGES = 5;
/** Where the lines are in the memory. */
const LINES_AT = DAYS.length;
/** What is loaded at once may go as far beyond the end. */
const ZEROS = LONGEST_LITERAL + 16;
/** Bytes of lines that fit into the memory; a longer line is not recognised. */
const ROOM = PAGES * PAGE_BYTES - LINES_AT - ZEROS;
/** Bytes of lines that are copied into the memory at a time: they stay in the processor's cache until they are looked at. */
const MOST_BYTES = 64 * 1024;
/** The same after a line that was not recognised: where there is one there may be more, and what comes after each is copied again. */
const LEAST_BYTES = 1024;

function recogniserOf(document: Matcher): Recogniser {
  const { run, memory } = instanceOf(linesModule(document)) as LinesModule;
  const room = new Uint8Array(memory.buffer, LINES_AT);
  let wanted = MOST_BYTES;
  return (bytes, from, maxDocuments) => {
    const most = Math.min(maxDocuments, bytes.length);
    let at = from;
    let count = 0;
    while (at < bytes.length && count < most) {
      const end = endOfLines(bytes, at, wanted);
      const length = end - at;
      if (length > ROOM) break;
      room.set(bytes.subarray(at, end));
      room.fill(0, length, length + ZEROS);
      const [stop, recognised] = run(LINES_AT, LINES_AT + length, most - count);
      at += stop - LINES_AT;
      count += recognised;
      const isRefused = at < end && count < most;
      wanted = isRefused ? LEAST_BYTES : Math.min(2 * wanted, MOST_BYTES);
      if (isRefused) break;
    }
    return { count, end: at };
  };
}

/** Of the lines that fit into so many bytes, or of one that does not. */
function endOfLines(bytes: Uint8Array, from: number, wanted: number): number {
  if (from + wanted >= bytes.length) return bytes.length;
  const end = bytes.lastIndexOf(LF, from + wanted - 1) + 1;
  return end > from ? end : bytes.indexOf(LF, from) + 1 || bytes.length;
}

interface LinesModule {
  /** Takes where lines begin and end in the memory, and how many to recognise at most; returns where the line after them begins. */
  readonly run: (from: number, to: number, most: number) => [end: number, count: number];
  readonly memory: { readonly buffer: ArrayBuffer };
}

function linesModule(document: Matcher): Uint8Array<ArrayBuffer> {
  const module = new Module();
  const run = module.define(3, (code) => {
    const [at, to, most] = [0, 1, 2];
    const line = code.local();
    const count = code.local();
    code.block((stop) => {
      code.loop((next) => {
        code.set(line, get(at));
        code.gotoIf(isAtLeast(get(at), get(to)), stop);
        code.gotoIf(isAtLeast(get(count), get(most)), stop);
        document({ code, at }, stop);
        code.block((ended) => {
          code.gotoIf(isEqual(get(at), get(to)), ended);
          code.gotoIf(isOther(loadByte(get(at)), i32(LF)), stop);
          code.set(at, add(get(at), i32(1)));
        });
        code.set(count, add(get(count), i32(1)));
        code.goto(next);
      });
    });
    return [get(line), get(count)];
  });
  return module.encode(run, PAGES, DAYS);
}
