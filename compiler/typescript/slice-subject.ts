/** How messages speak of the function. */
export interface SliceSubject {
  /** After "the": `handler orders of shop/enriched`. */
  readonly name: string;
  /** Functions of a shuffle key get the document alone. */
  readonly takesParams: boolean;
}
