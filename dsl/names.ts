const SEGMENT = /^[a-z0-9][a-z0-9_-]*$/;

/**
 * Checks what the types cannot, or what an untyped caller got past them.
 * @throws Error with one sentence and its remedy.
 */
export function checkDefinition(
  call: "capture" | "derive",
  name: string,
  definition: { readonly schema: unknown; readonly key: readonly string[] },
): void {
  checkCollectionName(call, name);
  if (typeof definition !== "object" || definition === null) {
    throw new Error(`${call}("${name}") has no definition. Give it { schema, key, … }.`);
  }
  const { schema, key } = definition;
  // Some libraries' schemas are functions.
  if ((typeof schema !== "object" && typeof schema !== "function") || schema === null) {
    throw new Error(
      `${call}("${name}") has no schema. Give it one of Zod 4, of Standard Schema or of TypeBox.`,
    );
  }
  if (
    !Array.isArray(key) ||
    key.length === 0 ||
    !key.every((path) => typeof path === "string" && path !== "")
  ) {
    throw new Error(
      `${call}("${name}") has no key. Name its key fields as a list of paths, as in key: ["id"].`,
    );
  }
  const repeated = key.find((path, index) => key.indexOf(path) !== index);
  if (repeated !== undefined) {
    throw new Error(`${call}("${name}") names the key field "${repeated}" twice. Name each key field once.`);
  }
}

function checkCollectionName(call: string, name: unknown): void {
  if (typeof name === "string" && name.split("/").every((segment) => SEGMENT.test(segment))) return;
  throw new Error(
    `${call}(${JSON.stringify(name)}) is not a collection's name. Use segments of lower-case letters, ` +
      'digits, "-" and "_", each beginning with a letter or digit and separated by "/", as in "shop/orders".',
  );
}
