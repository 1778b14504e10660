// Source: pkg/kubelet/images of Kubernetes 1.36.
import { formatDuration } from '../../base/duration.ts';
import { nextBackOff } from './back-off.ts';
import type { ContainerRecord } from './container-record.ts';
import { findImage, fullReference, type ImageEntry, pullError } from './images.ts';
import type { Container, Pod } from './kinds.ts';
import type { NodeContext } from './node-context.ts';

/** How long a failed pull is shown as such, before it is shown as backing off. Milliseconds. */
export const pullErrorShownMs = 2000;

/**
 * The image of a container; undefined, with the reason in the record, when there is none.
 * A pull takes no time: there is nothing to be pulled.
 */
export function ensureImage(
  pod: Pod,
  { name, image = '', imagePullPolicy = 'IfNotPresent' }: Container,
  record: ContainerRecord,
  context: NodeContext,
): ImageEntry | undefined {
  const { pulled, clock } = context;
  const entry = findImage(context.images, image);
  const report = (type: 'Normal' | 'Warning', reason: string, message: string): void =>
    context.record(pod, type, reason, message, name);
  const quoted = JSON.stringify(image);
  if (entry !== undefined && imagePullPolicy !== 'Always' && pulled.has(fullReference(image))) {
    report(
      'Normal',
      'Pulled',
      `Container image ${quoted} already present on machine and can be accessed by the pod`,
    );
    return entry;
  }
  if (imagePullPolicy === 'Never') {
    const message = `Container image ${quoted} is not present with pull policy of Never`;
    if (record.waiting?.reason !== 'ErrImageNeverPull') {
      report('Warning', 'ErrImageNeverPull', message);
      report('Warning', 'Failed', 'Error: ErrImageNeverPull');
    }
    record.waiting = { reason: 'ErrImageNeverPull', message };
    return undefined;
  }
  report('Normal', 'Pulling', `Pulling image ${quoted}`);
  if (entry !== undefined) {
    pulled.add(fullReference(image));
    record.pull = undefined;
    const took = formatDuration(0);
    report(
      'Normal',
      'Pulled',
      `Successfully pulled image ${quoted} in ${took} (${took} including waiting). Image size: ${entry.sizeBytes ?? 0} bytes.`,
    );
    return entry;
  }
  const error = pullError(image);
  const failedAt = clock.now();
  record.pull = { failedAt, error, backOff: nextBackOff(record.pull?.backOff, failedAt, failedAt) };
  record.waiting = { reason: 'ErrImagePull', message: error };
  report('Warning', 'Failed', `Failed to pull image ${quoted}: ${error}`);
  report('Warning', 'Failed', 'Error: ErrImagePull');
  return undefined;
}

/** Shows that a pull will be tried again later. */
export function showPullBackOff(
  pod: Pod,
  { name, image }: Container,
  record: ContainerRecord,
  context: NodeContext,
): void {
  const message = `Back-off pulling image ${JSON.stringify(image)}`;
  if (record.waiting?.reason === 'ImagePullBackOff') return;
  record.waiting = {
    reason: 'ImagePullBackOff',
    message: `${message}: ErrImagePull: ${record.pull?.error ?? ''}`,
  };
  context.record(pod, 'Normal', 'BackOff', message, name);
  context.record(pod, 'Warning', 'Failed', 'Error: ImagePullBackOff', name);
}
