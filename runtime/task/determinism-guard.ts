/**
 * While a function of a flow runs, what would make it give different outputs for the same input throws: the clock,
 * randomness, the network, timers, the process. The runtime shares the thread and may use all of it between two of
 * them, so the guard is a switch, not a removal. (Overriding the globals is how Temporal's TypeScript SDK keeps
 * workflows deterministic.)
 */

const REMEDY =
  "A derivation's functions must give the same outputs for the same input, or a replay would differ: take what they need from the document or from params";

/** Functions that are replaced on their owners, with what to do instead where the remedy can be more exact. */
const FUNCTIONS: readonly (readonly [owner: () => object | undefined, name: string, shown: string])[] = [
  [() => Date, "now", "Date.now()"],
  [() => Math, "random", "Math.random()"],
  [() => globalThis.performance, "now", "performance.now()"],
  [() => globalThis.crypto, "randomUUID", "crypto.randomUUID()"],
  [() => globalThis.crypto, "getRandomValues", "crypto.getRandomValues()"],
];

const GLOBALS: readonly string[] = [
  "fetch",
  "WebSocket",
  "EventSource",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
  "process",
  "localStorage",
  "sessionStorage",
];

/** What takes Node 25 ms to load when it is first read: it is not read to be replaced. */
const LAZY: Readonly<Record<string, PropertyDescriptor>> = {
  WebSocket: {
    configurable: true,
    get: () => process.getBuiltinModule("node:http").WebSocket,
    set: (value: unknown) => setGlobal("WebSocket", value),
  },
};

export interface DeterminismGuard {
  /** From here on what is guarded throws, until `leave`. */
  enter(): void;
  leave(): void;
  /** Puts everything back as it was. */
  uninstall(): void;
}

/** Installs the guard in this thread, switched off. */
export function installDeterminismGuard(): DeterminismGuard {
  let active = false;
  const undo: (() => void)[] = [];
  const refuse = (shown: string) => {
    if (active) throw new Error(`The function uses ${shown}. ${REMEDY}.`);
  };
  for (const [owner, name, shown] of FUNCTIONS) {
    const object = owner();
    if (object) undo.push(replaceMethod(object, name, () => refuse(shown)));
  }
  for (const name of GLOBALS) undo.push(replaceGlobal(name, () => refuse(name)));
  undo.push(replaceDate(() => refuse("the current time by new Date()")));
  return {
    enter: () => {
      active = true;
    },
    leave: () => {
      active = false;
    },
    uninstall: () => {
      for (const step of undo.reverse()) step();
    },
  };
}

function replaceMethod(owner: object, name: string, refuse: () => void): () => void {
  const original: unknown = Reflect.get(owner, name);
  const before = Object.getOwnPropertyDescriptor(owner, name);
  if (typeof original !== "function") return () => {};
  Object.defineProperty(owner, name, {
    configurable: true,
    writable: true,
    value: (...args: unknown[]) => {
      refuse();
      return Reflect.apply(original, owner, args);
    },
  });
  return () => {
    if (before) Object.defineProperty(owner, name, before);
    else Reflect.deleteProperty(owner, name);
  };
}

function replaceGlobal(name: string, refuse: () => void): () => void {
  if (!Object.hasOwn(globalThis, name)) return () => {};
  const before = LAZY[name] ?? Object.getOwnPropertyDescriptor(globalThis, name);
  if (!before?.configurable) return () => {};
  // To define a property over a lazy one would read it.
  if (Object.hasOwn(LAZY, name)) Reflect.deleteProperty(globalThis, name);
  const read = () => (before.get ? Reflect.apply(before.get, globalThis, []) : before.value);
  Object.defineProperty(globalThis, name, {
    configurable: true,
    enumerable: before.enumerable ?? false,
    get: () => {
      refuse();
      return read();
    },
    set: (value: unknown) => {
      refuse();
      setGlobal(name, value);
    },
  });
  return () => Object.defineProperty(globalThis, name, before);
}

function setGlobal(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { configurable: true, enumerable: true, writable: true, value });
}

/** `new Date(text)` is pure and stays; `new Date()` and `Date()` read the clock. */
function replaceDate(refuse: () => void): () => void {
  const Original = globalThis.Date;
  const guarded: DateConstructor = new Proxy(Original, {
    construct(target, args, newTarget) {
      if (args.length === 0) refuse();
      return Reflect.construct(target, args, newTarget === guarded ? target : newTarget) as Date;
    },
    apply(target, self, args) {
      refuse();
      return Reflect.apply(target, self, args);
    },
  });
  globalThis.Date = guarded;
  return () => {
    globalThis.Date = Original;
  };
}
