/**
 * Calls an object in another thread: `expose` answers on one end of a `MessageChannel`, `remote` asks on the
 * other. Buffers that a call or an answer holds alone are transferred, not copied; those of a call are given back when it
 * is answered. Errors keep name and message.
 */
import type { MessagePort } from "node:worker_threads";
import { hasRoom, isWhole, letGo } from "../../connectors/buffers.ts";
import { FencedError, HaltError } from "../../connectors/driver.ts";

type Methods<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => Promise<infer R>
    ? (...args: A) => Promise<R>
    : never;
};

interface Call {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

interface ThrownError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
}

type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly thrown: ThrownError };

export function expose<T extends object>(target: Methods<T>, port: MessagePort): void {
  port.on("message", (call: Call) => {
    const method = (target as Record<string, unknown>)[call.method];
    if (typeof method !== "function") {
      port.postMessage({ id: call.id, thrown: thrownOf(new Error(`No method "${call.method}".`)) });
      return;
    }
    // The port's other end is `remote<T>`, whose types are those of `target`.
    (method.apply(target, call.args) as Promise<unknown>)
      .then(
        (value) => port.postMessage({ id: call.id, value } satisfies Answer, buffersOf(value)),
        (error: unknown) => port.postMessage({ id: call.id, thrown: thrownOf(error) } satisfies Answer),
      )
      .finally(() => letGoAll(call.args));
  });
}

export function remote<T extends object>(port: MessagePort): Methods<T> {
  const pending = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let lastId = 0;
  let closed = false;
  port.on("message", (answer: Answer) => {
    const call = pending.get(answer.id);
    pending.delete(answer.id);
    if ("thrown" in answer) call?.reject(errorOf(answer.thrown));
    else call?.resolve(answer.value);
  });
  port.on("close", () => {
    closed = true;
    for (const { reject } of pending.values()) reject(new Error("The other thread has ended."));
    pending.clear();
  });
  const call = (method: string, args: readonly unknown[]) =>
    new Promise<unknown>((resolve, reject) => {
      if (closed) return reject(new Error("The other thread has ended."));
      const id = ++lastId;
      pending.set(id, { resolve, reject });
      port.postMessage({ id, method, args } satisfies Call, buffersOf(args));
    });
  // A proxy has the methods of T by construction; `then` is absent, or awaiting the proxy would call it.
  return new Proxy({} as Methods<T>, {
    get: (_, method) =>
      typeof method === "string" && method !== "then"
        ? (...args: unknown[]) => call(method, args)
        : undefined,
  });
}

/** The buffers in a message that no one else looks into: those of one view. What is part of a larger one is copied. */
function buffersOf(value: unknown): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>();
  if (typeof value === "object" && value !== null) addBuffers(value, found);
  return [...found];
}

/** Called for every object of every message: it makes nothing itself. */
function addBuffers(value: object, found: Set<ArrayBuffer>): void {
  if (ArrayBuffer.isView(value)) {
    const { buffer } = value;
    const isAlone = value.byteLength > 0 && (isWhole(value) || hasRoom(value));
    if (isAlone && buffer instanceof ArrayBuffer) found.add(buffer);
  } else if (Array.isArray(value)) {
    for (const item of value) if (typeof item === "object" && item !== null) addBuffers(item, found);
  } else {
    for (const name in value) {
      const item = (value as Record<string, unknown>)[name];
      if (typeof item === "object" && item !== null) addBuffers(item, found);
    }
  }
}

export function thrownOf(error: unknown): ThrownError {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  return { name, message, stack };
}

/** A call's buffers are its own, and of no use once it is answered. */
function letGoAll(args: readonly unknown[]): void {
  for (const buffer of buffersOf(args)) letGo(buffer);
}

/** The class is restored where callers tell it apart: a fence, a halt. */
export function errorOf({ name, message, stack }: ThrownError): Error {
  const error =
    name === "FencedError"
      ? new FencedError(message)
      : name === "HaltError" || name === "CorruptHeadError"
        ? new HaltError(message)
        : new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
