import { z } from 'zod';
import type { KubeObject } from '../machinery/object.ts';
import { flaggerKind } from './flagger.ts';
import { customResourceDefinition, exactlyOneOf } from './structural-crd.ts';

const alertProviderTypes = ['slack', 'msteams', 'discord', 'rocket', 'gchat'] as const;

const alertProviderSpec = exactlyOneOf(
  z.object({
    type: z.enum(alertProviderTypes).describe('Type of this provider'),
    channel: z.string().optional().describe('Alert channel for this provider. Default: general'),
    username: z.string().optional().describe('Bot username for this provider. Default: flagger'),
    address: z.string().optional().describe('Hook URL address of this provider'),
    proxy: z.string().optional().describe('Http/s proxy of this provider'),
    secretRef: z
      .object({ name: z.string().describe('Name of the Kubernetes secret') })
      .optional()
      .describe('Kubernetes secret with the address of the provider, and optionally a token'),
  }),
  'address',
  'secretRef',
);

export type AlertProviderSpec = z.infer<typeof alertProviderSpec>;

export interface AlertProvider extends KubeObject {
  readonly apiVersion: 'flagger.app/v1beta1';
  readonly kind: 'AlertProvider';
  readonly spec: AlertProviderSpec;
}

export const alertProviderCrd = customResourceDefinition({
  ...flaggerKind,
  kind: 'AlertProvider',
  plural: 'alertproviders',
  singular: 'alertprovider',
  description: 'AlertProvider is the Schema for the AlertProvider API.',
  spec: alertProviderSpec.describe('AlertProviderSpec defines the desired state of an AlertProvider.'),
  printerColumns: [{ name: 'Type', type: 'string', jsonPath: '.spec.type' }],
});
