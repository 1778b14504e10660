const wellFormed = /^[1-9][0-9]*$/;

/**
 * Orders two resource versions of one kind: negative when `a` is older, 0 when equal, positive when newer.
 * Undefined when they have no order: servers promise comparable whole numbers only since Kubernetes 1.35
 * (in practice etcd's revision, so for much longer); anything else may only be compared for equality.
 *
 * Source: k8s.io/apimachinery/pkg/util/resourceversion. Versions may be longer than a double holds exactly.
 */
export function compareVersions(a: string | undefined, b: string | undefined): number | undefined {
  if (a === undefined || b === undefined || !wellFormed.test(a) || !wellFormed.test(b)) return undefined;
  if (a.length !== b.length) return a.length - b.length;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
