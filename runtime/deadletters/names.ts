/** What keeps a task's dead letters, by the task's name: the collection that it fills. */
const DEAD_LETTERS = "_weir/deadletters/";
const REPLAYS = "_weir/replays/";

/** The collection of its dead letters, keyed by their ids; also the name under which they are replayed and dropped. */
export function deadLettersOf(task: string): string {
  return `${DEAD_LETTERS}${task}`;
}

/** The collection of what is to be worked on once more. A derivation reads it as one source more. */
export function replaysOf(task: string): string {
  return `${REPLAYS}${task}`;
}

/** The task whose dead letters the collection holds; undefined for any other collection. */
export function taskOfDeadLetters(collection: string): string | undefined {
  return collection.startsWith(DEAD_LETTERS) ? collection.slice(DEAD_LETTERS.length) : undefined;
}
