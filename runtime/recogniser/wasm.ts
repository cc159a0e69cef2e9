/**
 * As much of an assembler for WebAssembly as the recogniser needs. The numbers are those of
 * https://webassembly.github.io/spec/core/binary/.
 */

/** Instructions that leave one value. */
export type Expression = readonly number[];

const TYPES = { i32: 0x7f, f64: 0x7c } as const;

/** A variable of the function. */
export type Local = number;

/** Of a block its end, of a loop its beginning: how many blocks are open there. */
export type Label = number;

/** Functions over one memory. Their parameters and results are of type i32. */
export class Module {
  readonly #types: number[][] = [];
  readonly #bodies: number[][] = [];

  /** Adds a function, whose parameters are its first locals. `write` writes its statements and says what it returns. */
  define(parameters: number, write: (code: Code) => readonly Expression[]): DefinedFunction {
    const code = new Code(this, parameters);
    const results = write(code);
    const i32s = (count: number) => vector(Array.from({ length: count }, () => [TYPES.i32]));
    this.#bodies.push(code.bodyOf(results));
    return this.#types.push([0x60, ...i32s(parameters), ...i32s(results.length)]) - 1;
  }

  /** The bytes of a module that exports this function and its memory, of so many pages of 64 KiB. `data` is in it from address 0. */
  encode(run: DefinedFunction, pages: number, data: readonly number[]): Uint8Array<ArrayBuffer> {
    return new Uint8Array([
      ...MAGIC,
      ...section(1, this.#types),
      ...section(
        3,
        this.#types.map((_, index) => unsigned(index)),
      ),
      ...section(5, [[0x00, ...unsigned(pages)]]),
      ...section(7, [
        [...text("run"), 0x00, ...unsigned(run)],
        [...text("memory"), 0x02, 0],
      ]),
      ...section(
        10,
        this.#bodies.map((body) => [...unsigned(body.length), ...body]),
      ),
      ...section(11, [[0x00, ...i32(0), END, ...unsigned(data.length), ...data]]),
    ]);
  }
}

/** Its number in the module. */
export type DefinedFunction = number;

/** The statements of a function, and its variables, which are 0 before they are set. */
export class Code {
  /** Where it may define functions that it calls. */
  readonly module: Module;
  readonly #bytes: number[] = [];
  readonly #locals: number[] = [];
  readonly #parameters: number;
  #depth = 0;

  constructor(module: Module, parameters: number) {
    this.module = module;
    this.#parameters = parameters;
  }

  local(type: keyof typeof TYPES = "i32"): Local {
    return this.#parameters + this.#locals.push(TYPES[type]) - 1;
  }

  set(local: Local, value: Expression): void {
    this.#bytes.push(...value, 0x21, ...unsigned(local));
  }

  /** `to` is behind what `body` writes. */
  block(body: (to: Label) => void): void {
    this.#open(0x02, body);
  }

  /** `to` is in front of what `body` writes; who does not go there leaves the loop at its end. */
  loop(body: (to: Label) => void): void {
    this.#open(0x03, body);
  }

  #open(opcode: number, body: (to: Label) => void): void {
    this.#bytes.push(opcode, NO_VALUE);
    body(++this.#depth);
    this.#depth--;
    this.#bytes.push(END);
  }

  goto(to: Label): void {
    this.#bytes.push(0x0c, ...unsigned(this.#depth - to));
  }

  gotoIf(condition: Expression, to: Label): void {
    this.#bytes.push(...condition, 0x0d, ...unsigned(this.#depth - to));
  }

  bodyOf(results: readonly Expression[]): number[] {
    return [...vector(this.#locals.map((type) => [1, type])), ...this.#bytes, ...results.flat(), END];
  }
}

/** What a module exports. */
export function instanceOf(module: Uint8Array<ArrayBuffer>): unknown {
  return new WebAssembly.Instance(new WebAssembly.Module(module)).exports;
}

/** A global of Node that its types leave to those of browsers. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** "\0asm", version 1. */
const MAGIC = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const END = 0x0b;
const NO_VALUE = 0x40;

function section(id: number, items: readonly Expression[]): number[] {
  const content = vector(items);
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly Expression[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function text(value: string): number[] {
  return vector([...Buffer.from(value)].map((byte) => [byte]));
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: bigint): number[] {
  const byte = Number(value & 0x7fn);
  return value >= -0x40n && value < 0x40n ? [byte] : [byte | 0x80, ...signed(value >> 7n)];
}

export const i32 = (value: number): Expression => [0x41, ...signed(BigInt(value))];
export const i64 = (value: bigint): Expression => [0x42, ...signed(BigInt.asIntN(64, value))];
export const f64 = (value: number): Expression => [0x44, ...new Uint8Array(new Float64Array([value]).buffer)];
export const get = (local: Local): Expression => [0x20, ...unsigned(local)];
export const call = (callee: DefinedFunction, argument: Expression): Expression => [
  ...argument,
  0x10,
  ...unsigned(callee),
];

/** `offset` bytes after the address, at any alignment; what is more than a byte is little-endian. */
const load =
  (...opcode: number[]) =>
  (address: Expression, offset = 0): Expression => [...address, ...opcode, 0, ...unsigned(offset)];
export const loadByte = load(0x2d);
export const load64 = load(0x29);
/** Sixteen bytes, as the functions below take them. */
export const load128 = load(0xfd, 0x00);

const unary =
  (...opcode: number[]) =>
  (value: Expression): Expression => [...value, ...opcode];
const binary =
  (...opcode: number[]) =>
  (left: Expression, right: Expression): Expression => [...left, ...right, ...opcode];

export const isZero = unary(0x45);
export const isEqual = binary(0x46);
export const isOther = binary(0x47);
export const isLess = binary(0x49);
export const isMore = binary(0x4b);
export const isAtLeast = binary(0x4f);
export const trailingZeros = unary(0x68);
export const add = binary(0x6a);
export const subtract = binary(0x6b);
export const multiply = binary(0x6c);
export const and = binary(0x71);
export const or = binary(0x72);

export const isZero64 = unary(0x50);
export const and64 = binary(0x83);
export const or64 = binary(0x84);
export const xor64 = binary(0x85);

export const isLessF64 = binary(0x63);
export const isMoreF64 = binary(0x64);
export const addF64 = binary(0xa0);
export const subtractF64 = binary(0xa1);
export const multiplyF64 = binary(0xa2);
export const toF64 = unary(0xb8);

/** Of each of sixteen bytes. */
export const bytes = {
  constant: (values: readonly number[]): Expression => [0xfd, 0x0c, ...values],
  all: (value: number): Expression => [0xfd, 0x0c, ...new Array<number>(16).fill(value)],
  subtract: binary(0xfd, 0x71),
  /** These give 0xff or 0 for each. */
  isEqual: binary(0xfd, 0x23),
  isLess: binary(0xfd, 0x26),
  isMore: binary(0xfd, 0x28),
  isAtMost: binary(0xfd, 0x2a),
  isAtLeast: binary(0xfd, 0x2c),
  or: binary(0xfd, 0x50),
  xor: binary(0xfd, 0x51),
  /** An i32 whose lowest bit is the highest of the first byte, and so on. */
  mask: unary(0xfd, 0x64),
} as const;
