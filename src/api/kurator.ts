import { z } from 'zod';
import { isDuration } from '../base/duration.ts';
import type { Condition } from '../machinery/conditions.ts';

/** What the kinds of `apps.kurator.dev`, `cluster.kurator.dev` and `fleet.kurator.dev` have in common. */
export const kuratorKind = {
  version: 'v1alpha1',
  categories: ['kurator-dev'],
  /** A Helm release that brought the definitions must not take all applications with it. */
  annotations: {
    'helm.sh/resource-policy': 'keep',
    // Rises with every change of a definition: see ensureCustomResourceDefinitions.
    'viridian.dev/crd-version': '3',
  },
} as const;

/** Time on the wire. */
export const time = z.string().meta({ format: 'date-time' });

/** A duration as Go writes it, without units below the millisecond. */
export const duration = z
  .string()
  .regex(/^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/)
  .refine(isDuration, 'must be at most 292 years');
/** A timeout of Flux's sources: a duration without hours. */
export const minutes = z
  .string()
  .regex(/^([0-9]+(\.[0-9]+)?(ms|s|m))+$/)
  .refine(isDuration, 'must be at most 292 years');

/** What most objects may be called. */
export const dnsSubdomain = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);

/** The fields of an object in the same namespace that is meant. */
export const localReference = z.object({ name: dnsSubdomain.describe('Name of the object') });

const condition: z.ZodType<Condition> = z.object({
  type: z.string().describe('What this is about'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it is so'),
  observedGeneration: z
    .int()
    .meta({ format: 'int64' })
    .exactOptional()
    .describe('The generation of the spec that this is about'),
  lastTransitionTime: time.describe('When the status last changed'),
  reason: z.string().describe('Why, in one word'),
  message: z.string().describe('Why, for people'),
});

/** `status.conditions` */
export const conditions = z
  .array(condition)
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
  .describe('How things stand: one entry for each aspect');

export const observedGeneration = z
  .int()
  .meta({ format: 'int64' })
  .describe('The generation of the spec that the status is about');
