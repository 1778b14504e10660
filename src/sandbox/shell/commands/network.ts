import { errorMessage, TypedError } from '../../../base/errors.ts';
import { type Command, type CommandContext, UsageError } from '../command.ts';
import { parseOptions } from '../options.ts';

async function addressesOf({ seams }: CommandContext, name: string): Promise<readonly string[]> {
  try {
    return await seams.network.resolve(name);
  } catch (error) {
    if (error instanceof TypedError) return [];
    throw error;
  }
}

export const nslookup: Command = async (context) => {
  const [name] = context.argv.filter((word) => !word.startsWith('-'));
  if (name === undefined) throw new UsageError('usage: nslookup HOST');
  const addresses = await addressesOf(context, name);
  const { stdout } = context;
  await stdout.write('Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\n');
  if (addresses.length === 0) {
    await stdout.write(`** server can't find ${name}: NXDOMAIN\n\n`);
    return 1;
  }
  for (const address of addresses) await stdout.write(`Name:\t${name}\nAddress: ${address}\n`);
  await stdout.write('\n');
  return 0;
};

export const getent: Command = async (context) => {
  const [database, name] = context.argv;
  if (database !== 'hosts' && database !== 'ahosts')
    throw new UsageError(`unknown database: ${database ?? ''}`);
  if (name === undefined) throw new UsageError('usage: getent hosts NAME');
  const addresses = await addressesOf(context, name);
  for (const address of addresses) await context.stdout.write(`${address.padEnd(17)} ${name}  ${name}\n`);
  return addresses.length > 0 ? 0 : 2;
};

const longestWaitSeconds = 120;

/** Tells whether a port can be reached: `nc -z`. Without `-z`, it sends what it reads and prints the answer. */
export const nc: Command = async (context) => {
  const { argv, seams, signal, stdin, stdout, stderr } = context;
  const options = parseOptions(argv, { flags: 'z v n N', values: 'w' });
  const [host, port] = options.rest;
  if (host === undefined || port === undefined || !/^\d{1,5}$/.test(port)) {
    throw new UsageError('usage: nc [-zv] [-w SECONDS] HOST PORT');
  }
  using deadline = seams.clock.timeout(options.number('w', longestWaitSeconds) * 1000, signal);
  try {
    const connection = await seams.network.dial(host, Number(port), deadline.signal);
    connection.on('error', () => {});
    if (options.has('z')) {
      connection.destroy();
      if (options.has('v')) await stderr.write(`${host} (${host}:${port}) open\n`);
      return 0;
    }
    connection.end(await stdin.rest());
    for await (const chunk of connection)
      await stdout.write(Buffer.from(chunk as Uint8Array).toString('utf8'));
    return 0;
  } catch (error) {
    if (signal.aborted) throw error;
    if (options.has('v')) await stderr.write(`nc: ${host} (${host}:${port}): ${errorMessage(error)}\n`);
    return 1;
  }
};
