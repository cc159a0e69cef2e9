/** Loaded first into every thread of a process under test (`NODE_OPTIONS=--import`): every flush of the head takes so long. */
const ms = Number(process.env.WEIR_TEST_COMMIT_MS);
const never = new Int32Array(new SharedArrayBuffer(4));

Reflect.set(globalThis, Symbol.for("weir.protocolPoint"), (point) => {
  if (point === "head.commit.before") Atomics.wait(never, 0, 0, ms);
});
