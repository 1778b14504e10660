import type { CanaryService } from '../../api/canary-service.ts';
import type { Json, JsonObject } from '../../machinery/json.ts';
import { numberAt, objectsAt, textAt } from '../targets/fields.ts';

/** Sidecars, whose ports are nobody's business. */
const sidecars: ReadonlySet<string> = new Set(['istio-proxy', 'envoy']);

/** The ports of all three Services: the one of the spec, and with `portDiscovery` those of the containers. */
export function servicePorts(service: CanaryService, podSpec: JsonObject): readonly JsonObject[] {
  const { port, portName = '', targetPort, appProtocol } = service;
  const main: JsonObject = {
    name: portName === '' ? 'http' : portName,
    protocol: 'TCP',
    port,
    targetPort: targetPort ?? port,
    ...(appProtocol === undefined ? {} : { appProtocol }),
  };
  return service.portDiscovery === true ? [main, ...discovered(service, main, podSpec)] : [main];
}

/** By port number; each number and each name once, since the server takes no other Service. */
function discovered(service: CanaryService, main: JsonObject, podSpec: JsonObject): readonly JsonObject[] {
  const found: JsonObject[] = [];
  const numbers = new Set<Json>([service.port]);
  const names = new Set<Json>([main.name ?? '']);
  for (const container of objectsAt(podSpec, 'containers')) {
    const containerName = textAt(container, 'name') ?? '';
    if (sidecars.has(containerName)) continue;
    for (const [index, port] of objectsAt(container, 'ports').entries()) {
      const number = numberAt(port, 'containerPort');
      const portName = textAt(port, 'name');
      if (number === undefined || isMain(service, number, portName)) continue;
      const name = portName ?? `tcp-${containerName}-${index}`;
      if (numbers.has(number) || names.has(name)) continue;
      numbers.add(number);
      names.add(name);
      found.push({ name, protocol: 'TCP', port: number, targetPort: number });
    }
  }
  return found.sort((a, b) => Number(a.port) - Number(b.port));
}

function isMain({ port, targetPort }: CanaryService, number: number, name: string | undefined): boolean {
  if (typeof targetPort === 'string') return name === targetPort;
  return number === (targetPort ?? port);
}
