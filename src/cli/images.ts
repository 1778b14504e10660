import type { Program } from '../base/program.ts';
import { manager } from '../fleet/manager/manager.ts';
import { loadtesterProgram } from '../loadtester/loadtester.ts';
import { agent } from '../rollout/agent/agent.ts';
import { findImage, type ImageCatalogue, type ImageEntry } from '../sandbox/node/images.ts';
import { podinfoImages } from '../sandbox/podinfo/podinfo-images.ts';
import { imageName } from '../sandbox/sandbox-images.ts';

/** The image of Viridian itself: its first argument names the role. */
const viridianImage = 'ghcr.io/viridian-rollout/viridian';
/** What Canaries made for Flagger have running beside them. */
const flaggerLoadtester = 'ghcr.io/fluxcd/flagger-loadtester';

/** What the pods of a sandbox can run: podinfo, and our own roles. */
export function images(version: string): ImageCatalogue {
  const podinfo = podinfoImages();
  const known = new Map<string, ImageEntry>([
    [viridianImage, { program: roles(version), entrypoint: ['viridian'] }],
    [flaggerLoadtester, { program: loadtesterProgram, entrypoint: ['./loadtester'] }],
  ]);
  return (reference, full) => known.get(imageName(full)) ?? findImage(podinfo, reference);
}

function roles(version: string): Program {
  const programs = new Map<string, Program>([
    ['agent', agent({ version })],
    ['loadtester', loadtesterProgram],
    ['manager', manager({ version })],
  ]);
  return async (context) => {
    const [role = '', ...argv] = context.argv;
    const program = programs.get(role);
    if (program !== undefined) return program({ ...context, argv });
    context.stdout(
      `no such role: ${JSON.stringify(role)}; in a pod there are ${[...programs.keys()].join(', ')}\n`,
    );
    return 2;
  };
}
