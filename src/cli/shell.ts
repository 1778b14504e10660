import { errorMessage } from '../base/errors.ts';
import { hey } from '../loadtester/hey.ts';
import type { Shell, ShellContext } from '../sandbox/node/shell.ts';

const probeTimeoutMs = 60_000;

/** What `exec`, probes and hooks run in a container. */
export const shell: Shell = async (context) => {
  const [name = '', ...argv] = context.argv;
  if (name === 'sh' && argv[0] === '-c')
    return shell({ ...context, argv: (argv[1] ?? '').split(/\s+/).filter(Boolean) });
  switch (name.slice(name.lastIndexOf('/') + 1)) {
    case 'hey':
      return hey({ ...context, argv });
    case 'podcli':
    case 'wget':
    case 'curl':
      return request(context, argv.findLast((word) => !word.startsWith('-')) ?? '');
    case 'echo':
      context.stdout(`${argv.join(' ')}\n`);
      return 0;
    case 'env':
      for (const [key, value] of Object.entries(context.env)) context.stdout(`${key}=${value}\n`);
      return 0;
    case 'sleep':
      await context.seams.clock.sleep(Number(argv[0] ?? 0) * 1000, context.signal);
      return 0;
    default:
      context.stderr(`sh: ${name}: not found\n`);
      return 127;
  }
};

async function request({ argv, seams, stdout, stderr }: ShellContext, target: string): Promise<number> {
  using deadline = seams.clock.timeout(probeTimeoutMs);
  try {
    const url = target.includes('://') ? target : `http://${target}`;
    const response = await seams.network.fetch(url, { signal: deadline.signal });
    const text = await response.text();
    if (argv[0] === 'curl' || argv.includes('-O-')) stdout(text);
    return argv[0] === 'curl' || response.status < 400 ? 0 : 1;
  } catch (error) {
    stderr(`${errorMessage(error)}\n`);
    return 1;
  }
}
