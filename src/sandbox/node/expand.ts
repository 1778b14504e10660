/**
 * Replaces `$(NAME)` by the value of that variable. `$$` is a dollar sign; a reference to what is unknown stays as it
 * is written. Source: third_party/forked/golang/expansion of Kubernetes.
 */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  return text.replaceAll(/\$(?:\$|\(([^)]*)\))/g, (whole: string, name: string | undefined) =>
    name === undefined ? '$' : (lookup(name) ?? whole),
  );
}
