import { TypedError } from '../../base/errors.ts';
import type { PathElement } from './field-path.ts';
import { compareText, formatPath } from './field-path.ts';
import type { FieldSet } from './field-set.ts';
import type { FieldOwner } from './owners.ts';

/** One field that an apply would take away from another owner. */
export interface ApplyConflict {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string | undefined;
  /** When the owner last wrote. Not part of the messages: the server leaves it out as well. */
  readonly time: string | undefined;
  readonly elements: readonly PathElement[];
  /** As in `Status.details.causes[].field`: `.spec.template.spec.containers[name="x"].image`. */
  readonly path: string;
  /** As in `Status.details.causes[].message`: `conflict with "x" using v1`. */
  readonly message: string;
}

/**
 * An apply without force would change fields that others own. The message is the server's.
 *
 * Source: https://pkg.go.dev/k8s.io/apimachinery/pkg/util/managedfields (internal/conflict.go)
 */
export class ApplyConflictError extends TypedError {
  readonly conflicts: readonly ApplyConflict[];

  constructor(conflicts: readonly ApplyConflict[]) {
    super(conflictMessage(conflicts), { code: 'Conflict', next: 'stalled' });
    this.conflicts = conflicts;
  }
}

/** @param lost by owner identifier, what that owner would lose */
export function listConflicts(
  owners: ReadonlyMap<string, FieldOwner>,
  lost: ReadonlyMap<string, FieldSet>,
): ApplyConflict[] {
  const conflicts: ApplyConflict[] = [];
  for (const [id, owner] of [...owners].sort(([a], [b]) => compareText(a, b))) {
    for (const elements of lost.get(id)?.paths() ?? []) {
      const { manager, operation, apiVersion, subresource, time } = owner;
      const path = formatPath(elements);
      const message = `conflict with ${describeOwner(owner)}`;
      conflicts.push({ manager, operation, apiVersion, subresource, time, elements, path, message });
    }
  }
  return conflicts;
}

function describeOwner(
  owner: Pick<FieldOwner, 'manager' | 'operation' | 'apiVersion' | 'subresource'>,
): string {
  const name = JSON.stringify(owner.manager);
  const where =
    owner.subresource === undefined ? '' : ` with subresource ${JSON.stringify(owner.subresource)}`;
  return `${name}${where}${owner.operation === 'Update' ? ` using ${owner.apiVersion}` : ''}`;
}

function conflictMessage(conflicts: readonly ApplyConflict[]): string {
  const [first] = conflicts;
  if (conflicts.length === 1 && first !== undefined) {
    return `Apply failed with 1 conflict: ${first.message}: ${first.path}`;
  }
  const lines: string[] = [];
  let shown = '';
  for (const { message, path } of conflicts) {
    if (message !== shown) lines.push(`${message.replace('conflict', 'conflicts')}:`);
    shown = message;
    lines.push(`- ${path}`);
  }
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}
