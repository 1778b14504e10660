import { alert, canaryName, consult, type Context, decision, isMuted, normal, warning } from './context.ts';
import type { Decision, RolloutEvent } from './decision.ts';

type Gate = Decision | { readonly events: readonly RolloutEvent[] };

/** Asks whether more traffic may move. A closed gate holds the weight and counts as no failure. */
export function consultTraffic(context: Context, events: readonly RolloutEvent[]): Gate {
  const answer = consult(context, 'confirm-traffic-increase', 'Progressing');
  if ('ask' in answer) return answer.ask;
  const closed = answer.results.find(({ passed }) => !passed);
  const opened = answer.results.filter(({ passed }) => passed);
  const passes = opened.map(({ name }) => normal(context, `Confirm-traffic-increase check ${name} passed`));
  if (closed === undefined) return { events: passes };
  const { now, intervalMs, seen, progress } = context;
  const message = `Halt ${canaryName(context)} advancement waiting for traffic increase approval ${closed.name}`;
  const announced = `${closed.name} at ${progress.canaryWeight}`;
  const isNew = seen.memory.announced !== announced;
  const isMute = isMuted(context, 'confirm-traffic-increase', closed.name);
  return decision(context, 'traffic gate closed', {
    events: [...events, ...passes, warning(context, message)],
    alerts: isNew && !isMute ? [alert('warn', 'Canary traffic increase is waiting for approval.')] : [],
    memory: { ...seen.memory, lastTickAt: now, announced },
    wakeAt: now + intervalMs,
  });
}

/** Asks whether to promote. A closed gate keeps the traffic where it is, and the analysis going. */
export function consultPromotion(context: Context, events: readonly RolloutEvent[]): Gate {
  const answer = consult(context, 'confirm-promotion', 'Progressing');
  if ('ask' in answer) return answer.ask;
  const closed = answer.results.find(({ passed }) => !passed);
  const opened = answer.results.filter(({ passed }) => passed);
  const passes = opened.map(({ name }) => normal(context, `Confirm-promotion check ${name} passed`));
  if (closed === undefined) return { events: passes };
  const { now, intervalMs, seen, phase } = context;
  const later = { memory: { ...seen.memory, lastTickAt: now }, wakeAt: now + intervalMs };
  if (phase === 'WaitingPromotion') return decision(context, 'promotion gate closed', { ...later, events });
  const message = `Halt ${canaryName(context)} advancement waiting for promotion approval ${closed.name}`;
  const isMute = isMuted(context, 'confirm-promotion', closed.name);
  return decision(context, 'promotion gate closed', {
    ...later,
    row: { phase: 'WaitingPromotion' },
    events: [...events, ...passes, warning(context, message)],
    alerts: isMute ? [] : [alert('warn', 'Canary promotion is waiting for approval.')],
  });
}
