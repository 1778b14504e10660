import { z } from 'zod';
import { stringMap } from './istio-fields.ts';

export const phases = [
  '',
  'Initializing',
  'Initialized',
  'Waiting',
  'Progressing',
  'WaitingPromotion',
  'Promoting',
  'Finalising',
  'Succeeded',
  'Failed',
  'Terminating',
  'Terminated',
] as const;

/** Where a rollout is. Empty before the engine first saw the Canary. */
export type Phase = (typeof phases)[number];

const time = z.string().meta({ format: 'date-time' });

const condition = z.object({
  type: z.string().describe('Type of this condition'),
  status: z.string().describe('Status of this condition'),
  reason: z.string().describe('Reason for the current status of this condition'),
  message: z.string().optional().describe('Message associated with this condition'),
  lastUpdateTime: time.optional().describe('LastUpdateTime of this condition'),
  lastTransitionTime: time.optional().describe('LastTransitionTime of this condition'),
});

export const canaryStatus = z.object({
  phase: z.enum(phases).optional().describe('Analysis phase of this canary'),
  failedChecks: z.number().optional().describe('Failed check count of the current canary analysis'),
  canaryWeight: z.number().optional().describe('Traffic weight routed to canary'),
  iterations: z.number().optional().describe('Iteration count of the current canary analysis'),
  lastAppliedSpec: z.string().optional().describe('LastAppliedSpec of this canary'),
  lastPromotedSpec: z.string().optional().describe('LastPromotedSpec of this canary'),
  trackedConfigs: stringMap.optional().describe('TrackedConfig of this canary'),
  sessionAffinityCookie: z.string().optional().describe('Session affinity cookie of the current canary run'),
  previousSessionAffinityCookie: z
    .string()
    .optional()
    .describe('Session affinity cookie of the previous canary run'),
  primarySessionAffinityCookie: z
    .string()
    .optional()
    .describe('Primary session affinity cookie of the current canary run'),
  lastTransitionTime: time.optional().describe('LastTransitionTime of this canary'),
  conditions: z.array(condition).optional().describe('Status conditions of this canary'),
});

export type CanaryCondition = z.infer<typeof condition>;
/** `status` of a Canary. The counters are always written, zeros too. */
export type CanaryStatus = z.infer<typeof canaryStatus>;

/** Why a rollout does not move: the condition beside `Promoted`, if there is one. */
export function rolloutHindrance(status: CanaryStatus | undefined): CanaryCondition | undefined {
  return status?.conditions?.find(({ type }) => type === 'Stalled' || type === 'Paused');
}
