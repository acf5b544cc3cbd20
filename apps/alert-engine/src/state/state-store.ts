/** The engine's `StateStore` (`#libs/node-state`): small state that no restart may forget. */
export const STATE_STORE = Symbol('StateStore');
