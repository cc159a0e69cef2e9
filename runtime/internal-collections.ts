/**
 * Collections that the runtime keeps for itself, beside those of the user: a user's name never begins with "_". They
 * are journals like all others, so they reach the store; what people list or read of their own leaves them out.
 */
const PREFIX = "_weir/";

export function isInternal(collection: string): boolean {
  return collection.startsWith(PREFIX);
}
