/**
 * Lets so many bytes be worked on at a time, and the others wait. There may be several lines: they take turns, and what waits
 * in one line keeps its order.
 */
export class Turns {
  readonly #limit: number;
  #used = 0;
  /** By line, the one whose turn is next first. Lines without anyone waiting are not in it. */
  readonly #waiting = new Map<string, Waiting[]>();

  /** In bytes. What is larger goes alone. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Resolves when its turn has come, with what ends the turn: to be called once. */
  async take(name: string, bytes: number): Promise<() => void> {
    const turn = Promise.withResolvers<void>();
    const line = this.#waiting.get(name) ?? [];
    line.push({ bytes, begin: turn.resolve });
    this.#waiting.set(name, line);
    this.#begin();
    await turn.promise;
    return () => {
      this.#used -= bytes;
      this.#begin();
    };
  }

  /** Whoever is first and does not fit is waited for: passing it over for smaller ones would keep it waiting for ever. */
  #begin(): void {
    for (;;) {
      const [first] = this.#waiting;
      if (first === undefined) return;
      const [name, line] = first;
      const [next] = line;
      if (next === undefined || (this.#used > 0 && this.#used + next.bytes > this.#limit)) return;
      line.shift();
      // To the end, behind the other lines.
      this.#waiting.delete(name);
      if (line.length > 0) this.#waiting.set(name, line);
      this.#used += next.bytes;
      next.begin();
    }
  }
}

interface Waiting {
  readonly bytes: number;
  readonly begin: () => void;
}
