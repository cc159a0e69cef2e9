/** Stands for the value of an environment variable, which the runtime reads when it starts. */
export interface EnvReference<Name extends string = string> {
  readonly $env: Name;
}

/**
 * A reference to an environment variable, accepted wherever a connector takes a secret or a URL. Its
 * value is in no plan, log or error message; `weir run` names a missing one before anything starts.
 * @throws Error if the name is not one that an environment variable can have.
 */
export function env<const Name extends string>(name: Name): EnvReference<Name> {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw new Error(
      `env(${JSON.stringify(name)}) names no environment variable. Use letters, digits and underscores.`,
    );
  }
  return Object.freeze({ $env: name });
}
