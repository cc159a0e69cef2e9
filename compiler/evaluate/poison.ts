/**
 * While flow files are evaluated, whatever could make two evaluations differ, or reach outside, throws
 * an error that names it. The plan must be the same on every machine and at every time.
 */
import { TOUCH } from "./guarded-modules.ts";

/** A call that a flow file must not make. `what` is as the user writes it: `Date.now()`. */
export interface Touch {
  readonly what: string;
  readonly stack: string;
}

/** Replaces globals until `restore`. Each use is recorded, so that a caught error is reported all the same. */
export function poison(isFlowFrame: (frame: string) => boolean): {
  readonly touches: Touch[];
  restore(): void;
} {
  const touches: Touch[] = [];
  const touch = (what: string): never => {
    const error = new Error(`${what} must not be used while flow files are evaluated.`);
    touches.push({ what, stack: error.stack ?? "" });
    throw error;
  };
  const undo: (() => void)[] = [];
  const replace = (holder: object, name: PropertyKey, value: unknown): void => {
    const before = Object.getOwnPropertyDescriptor(holder, name);
    Object.defineProperty(holder, name, {
      value,
      configurable: true,
      writable: true,
      enumerable: before?.enumerable ?? false,
    });
    undo.push(() => {
      if (before === undefined) Reflect.deleteProperty(holder, name);
      else Object.defineProperty(holder, name, before);
    });
  };
  const refuse = (holder: object, name: string, what: string): void => {
    if (name in holder) replace(holder, name, () => touch(what));
  };

  const RealDate = Date;
  const PoisonedDate = new Proxy(RealDate, {
    apply: () => touch("Date()"),
    construct: (target, args: unknown[], newTarget) =>
      args.length === 0 ? touch("new Date()") : Reflect.construct(target, args, newTarget),
    get: (target, name, receiver) =>
      name === "now" ? () => touch("Date.now()") : Reflect.get(target, name, receiver),
  });
  replace(globalThis, TOUCH, touch);
  replace(globalThis, "Date", PoisonedDate);
  refuse(Math, "random", "Math.random()");
  refuse(performance, "now", "performance.now()");
  refuse(crypto, "getRandomValues", "crypto.getRandomValues()");
  refuse(crypto, "randomUUID", "crypto.randomUUID()");
  for (const name of ["fetch", "setTimeout", "setInterval", "setImmediate"]) {
    refuse(globalThis, name, `${name}()`);
  }
  for (const name of ["XMLHttpRequest", "WebSocket", "EventSource"]) {
    if (name in globalThis) {
      replace(globalThis, name, new Proxy(class {}, { construct: () => touch(`new ${name}()`) }));
    }
  }
  const environment = process.env;
  // Packages look at NODE_ENV and the like when they are first called: only the flow's own reads count.
  const fromFlow = (): boolean => isFlowFrame(callerFrame());
  replace(
    process,
    "env",
    new Proxy(environment, {
      get: (target, name) =>
        typeof name === "string" && fromFlow() ? touch(`process.env.${name}`) : Reflect.get(target, name),
      has: (target, name) => (fromFlow() ? touch(`process.env.${String(name)}`) : Reflect.has(target, name)),
      ownKeys: (target) => (fromFlow() ? touch("process.env") : Reflect.ownKeys(target)),
    }),
  );
  for (const name of ["hrtime", "uptime", "memoryUsage", "cpuUsage"]) {
    refuse(process, name, `process.${name}()`);
  }
  return {
    touches,
    restore: () => {
      for (const each of undo.reverse()) each();
    },
  };
}

/** The frame outside this file that came here. */
function callerFrame(): string {
  const frames = (new Error().stack ?? "").split("\n").slice(1);
  return frames.find((frame) => !frame.includes(import.meta.url) && !frame.includes("<anonymous>")) ?? "";
}
