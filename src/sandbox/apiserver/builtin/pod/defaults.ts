// What the API server fills in. Source: pkg/apis/core/v1/defaults.go of Kubernetes 1.36.
import type { JsonObject } from '../../../../machinery/json.ts';
import { jsonClone, own, setOwn } from '../../../../machinery/json.ts';
import {
  ensureObject,
  isSet,
  objectAt,
  objectsAt,
  optionalObject,
  setDefault,
  setDefaultOfZero,
  textAt,
} from '../fields.ts';

const fileMode = 0o644;
const probes = ['livenessProbe', 'readinessProbe', 'startupProbe'];

/** Defaults of a pod template, in place. */
export function setPodTemplateDefaults(template: JsonObject): void {
  setPodSpecDefaults(ensureObject(template, 'spec'));
}

/** Defaults of a Pod: those of a template, and what only holds for the pod itself. In place. */
export function setPodDefaults(pod: JsonObject): void {
  const spec = ensureObject(pod, 'spec');
  setPodSpecDefaults(spec);
  setDefault(spec, 'enableServiceLinks', true);
  for (const container of allContainers(spec)) {
    const limits = optionalObject(container, 'resources', 'limits');
    if (limits === undefined) continue;
    const requests = ensureObject(container, 'resources', 'requests');
    for (const [name, amount] of Object.entries(limits)) setDefault(requests, name, amount);
  }
  if (own(spec, 'hostNetwork') !== true) return;
  for (const container of allContainers(spec)) {
    for (const port of objectsAt(container, 'ports')) {
      setDefaultOfZero(port, 'hostPort', own(port, 'containerPort') ?? 0);
    }
  }
}

function allContainers(spec: JsonObject): JsonObject[] {
  return [...objectsAt(spec, 'containers'), ...objectsAt(spec, 'initContainers')];
}

function setPodSpecDefaults(spec: JsonObject): void {
  setDefaultOfZero(spec, 'dnsPolicy', 'ClusterFirst');
  setDefaultOfZero(spec, 'restartPolicy', 'Always');
  setDefault(spec, 'securityContext', {});
  setDefault(spec, 'terminationGracePeriodSeconds', 30);
  setDefaultOfZero(spec, 'schedulerName', 'default-scheduler');
  // The older of two names for the same field.
  if (textAt(spec, 'serviceAccountName') !== '')
    setOwn(spec, 'serviceAccount', textAt(spec, 'serviceAccountName'));
  else if (textAt(spec, 'serviceAccount') !== '')
    setOwn(spec, 'serviceAccountName', textAt(spec, 'serviceAccount'));
  for (const volume of objectsAt(spec, 'volumes')) setVolumeDefaults(volume);
  const ephemeral = objectsAt(spec, 'ephemeralContainers');
  for (const container of [...allContainers(spec), ...ephemeral]) setContainerDefaults(container);
  for (const constraint of objectsAt(spec, 'topologySpreadConstraints')) {
    setDefaultOfZero(constraint, 'whenUnsatisfiable', 'DoNotSchedule');
  }
}

function setContainerDefaults(container: JsonObject): void {
  setDefaultOfZero(container, 'imagePullPolicy', pullPolicy(textAt(container, 'image')));
  setDefaultOfZero(container, 'terminationMessagePath', '/dev/termination-log');
  setDefaultOfZero(container, 'terminationMessagePolicy', 'File');
  ensureObject(container, 'resources');
  for (const port of objectsAt(container, 'ports')) setDefaultOfZero(port, 'protocol', 'TCP');
  for (const variable of objectsAt(container, 'env')) setSourceDefaults(objectAt(variable, 'valueFrom'));
  for (const name of probes) {
    const probe = optionalObject(container, name);
    if (probe !== undefined) setProbeDefaults(probe);
  }
  for (const hook of ['postStart', 'preStop']) setHandlerDefaults(objectAt(container, 'lifecycle', hook));
}

function setSourceDefaults(source: JsonObject): void {
  const field = optionalObject(source, 'fieldRef');
  if (field !== undefined) setDefaultOfZero(field, 'apiVersion', 'v1');
  const resource = optionalObject(source, 'resourceFieldRef');
  if (resource !== undefined) setDefault(resource, 'divisor', '0');
}

function setProbeDefaults(probe: JsonObject): void {
  setDefaultOfZero(probe, 'timeoutSeconds', 1);
  setDefaultOfZero(probe, 'periodSeconds', 10);
  setDefaultOfZero(probe, 'successThreshold', 1);
  setDefaultOfZero(probe, 'failureThreshold', 3);
  setHandlerDefaults(probe);
}

function setHandlerDefaults(handler: JsonObject): void {
  const http = optionalObject(handler, 'httpGet');
  if (http === undefined) return;
  setDefaultOfZero(http, 'path', '/');
  setDefaultOfZero(http, 'scheme', 'HTTP');
}

function setVolumeDefaults(volume: JsonObject): void {
  const sources = Object.keys(volume).filter((key) => key !== 'name' && isSet(volume, key));
  if (sources.length === 0) setOwn(volume, 'emptyDir', {});
  for (const name of ['secret', 'configMap', 'downwardAPI', 'projected']) {
    const source = optionalObject(volume, name);
    if (source !== undefined) setDefault(source, 'defaultMode', fileMode);
  }
  for (const item of objectsAt(objectAt(volume, 'downwardAPI'), 'items')) setSourceDefaults(item);
  for (const source of objectsAt(objectAt(volume, 'projected'), 'sources')) {
    for (const item of objectsAt(objectAt(source, 'downwardAPI'), 'items')) setSourceDefaults(item);
    const token = optionalObject(source, 'serviceAccountToken');
    if (token !== undefined) setDefault(token, 'expirationSeconds', 3600);
  }
  const hostPath = optionalObject(volume, 'hostPath');
  if (hostPath !== undefined) setDefault(hostPath, 'type', '');
  const image = optionalObject(volume, 'image');
  if (image !== undefined) setDefaultOfZero(image, 'pullPolicy', pullPolicy(textAt(image, 'reference')));
  const claim = optionalObject(volume, 'ephemeral', 'volumeClaimTemplate');
  if (claim !== undefined) setDefault(ensureObject(claim, 'spec'), 'volumeMode', 'Filesystem');
}

/** `Always` for `:latest`, also where it is implied; neither a digest nor a port of the registry is a tag. */
function pullPolicy(image: string): string {
  const [name = '', digest] = image.split('@', 2);
  const [, repository = '', tag] = /^(.*?)(?::([^/:]*))?$/s.exec(name) ?? [];
  // What cannot be parsed has no tag.
  if (!/^[^\s]*[a-z0-9]$/.test(repository)) return 'IfNotPresent';
  const isLatest = tag === 'latest' || (tag === undefined && digest === undefined);
  return isLatest ? 'Always' : 'IfNotPresent';
}

/** Jobs and ReplicationControllers without labels take over those of their template. */
export function inheritLabels(object: JsonObject, template: JsonObject): void {
  const labels = objectAt(template, 'metadata', 'labels');
  const has = Object.keys(objectAt(object, 'metadata', 'labels')).length > 0;
  if (has || Object.keys(labels).length === 0) return;
  setOwn(ensureObject(object, 'metadata'), 'labels', jsonClone(labels));
}
