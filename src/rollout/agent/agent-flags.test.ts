import { describe, expect, test } from 'vitest';
import { agentUsage, parseAgentFlags } from './agent-flags.ts';

describe('the command line of the agent', () => {
  test('has defaults', () => {
    expect(parseAgentFlags([], {})).toMatchObject({
      meshProvider: 'istio',
      metricsServer: 'http://prometheus:9090',
      port: 8080,
      selectorLabels: ['app', 'name', 'app.kubernetes.io/name'],
      enableConfigTracking: true,
      enableLeaderElection: true,
      leaderElectionNamespace: 'kube-system',
      minIntervalMs: 10_000,
    });
  });

  test('is read as Go reads it: one dash or two, a value behind = or as the next word, switches alone', () => {
    const argv = ['-mesh-provider', 'kubernetes', '--port=0', '-no-cross-namespace-refs', '-cluster-name='];
    expect(parseAgentFlags(argv, {})).toMatchObject({
      meshProvider: 'kubernetes',
      port: 0,
      noCrossNamespaceRefs: true,
      clusterName: '',
    });
    expect(parseAgentFlags(['-enable-leader-election=false'], {}).enableLeaderElection).toBe(false);
  });

  test('gives way to the environment where that is not empty', () => {
    const argv = ['-slack-url=http://a', '-event-webhook=http://a'];
    expect(parseAgentFlags(argv, { SLACK_URL: 'http://b', EVENT_WEBHOOK_URL: '' })).toMatchObject({
      slackUrl: 'http://b',
      eventWebhook: 'http://a',
    });
  });

  test('elects in the namespace that it is confined to', () => {
    expect(parseAgentFlags(['-namespace=test'], {}).leaderElectionNamespace).toBe('test');
  });

  test('takes flags of Flagger that mean nothing here', () => {
    const argv = ['-control-loop-interval', '10s', '-zap-replace-globals', '-port=1'];
    expect(parseAgentFlags(argv, {}).port).toBe(1);
  });

  test.each([
    [['-nope'], 'no such flag: -nope'],
    [['word'], 'no such flag: word'],
    [['-port=x'], '-port: "x" is not a whole number from 0 to 65535'],
    [['-port'], '-port needs a value'],
    [['-min-interval=soon'], '-min-interval: '],
    [['-enable-config-tracking=perhaps'], '-enable-config-tracking: "perhaps" is neither true nor false'],
    [['-log-level=loud'], '-log-level: "loud" is none of debug, info, warn, error'],
    [['-__proto__=1'], 'no such flag: -__proto__=1'],
  ])('%j is refused', (argv, message) => {
    expect(() => parseAgentFlags(argv, {})).toThrow(message);
  });

  test('explains itself', () => {
    expect(agentUsage()).toContain('  -mesh-provider\n        provider of Canaries that name none');
  });
});
