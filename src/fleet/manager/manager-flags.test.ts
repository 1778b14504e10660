import { describe, expect, test } from 'vitest';
import { managerUsage, parseManagerFlags } from './manager-flags.ts';

describe('the command line of the manager', () => {
  test('has defaults', () => {
    expect(parseManagerFlags([], {})).toEqual({
      kubeconfig: '',
      namespace: '',
      image: '',
      minInterval: undefined,
      abandonAfterMs: 600_000,
      port: 8080,
      logLevel: 'info',
      enableLeaderElection: true,
      leaderElectionNamespace: 'kube-system',
      version: false,
    });
  });

  test('is read with one dash or two', () => {
    const argv = ['--leader-elect=false', '-min-interval', '1s', '-image=registry/viridian:1', '--port', '0'];
    expect(parseManagerFlags(argv, {})).toMatchObject({
      enableLeaderElection: false,
      minInterval: '1s',
      image: 'registry/viridian:1',
      port: 0,
    });
  });

  test('elects in the namespace that it is confined to', () => {
    expect(parseManagerFlags(['-namespace=team'], {}).leaderElectionNamespace).toBe('team');
  });

  test.each([
    [['-mesh-provider=istio'], 'no such flag: -mesh-provider=istio. See viridian manager --help'],
    [['-min-interval=soon'], '-min-interval: '],
    [['-abandon-after=-1m'], '-abandon-after: '],
    [['-port=70000'], '-port: "70000" is not a whole number from 0 to 65535'],
    [['-image'], '-image needs a value'],
  ])('%j is refused', (argv, message) => {
    expect(() => parseManagerFlags(argv, {})).toThrow(message);
  });

  test('explains itself', () => {
    expect(managerUsage()).toContain(
      'Usage of viridian manager:\n  -kubeconfig\n        path to a kubeconfig',
    );
  });
});
