import { writeFile } from 'node:fs/promises';
import type { TrafficCount } from './demo-traffic.ts';

export interface StepResult {
  readonly id: string;
  readonly ok: boolean;
  /** What was seen, or what went wrong and what to do. */
  readonly detail: string;
  readonly ms: number;
}

export interface Report {
  readonly steps: readonly StepResult[];
  readonly traffic: TrafficCount;
}

/** Whether all of it happened. */
export function isSuccess({ steps }: Report): boolean {
  return steps.length > 0 && steps.every(({ ok }) => ok);
}

function reportJson({ steps, traffic }: Report): string {
  return `${JSON.stringify({ steps, traffic }, undefined, 2)}\n`;
}

/** @throws Error when the file cannot be written */
export async function writeReport(file: string, report: Report): Promise<void> {
  await writeFile(file, reportJson(report));
}
