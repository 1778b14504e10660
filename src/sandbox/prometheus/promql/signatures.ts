export type ValueType = 'scalar' | 'vector' | 'matrix' | 'string';

/** What a function takes and gives. */
export interface Signature {
  readonly name: string;
  readonly parameters: readonly ValueType[];
  /** How many parameters at the end may be left out or, where -1, repeated at will. */
  readonly variadic: number;
  readonly returns: 'scalar' | 'vector';
}

function signatures(
  names: string,
  parameters: readonly ValueType[],
  variadic = 0,
  returns: 'scalar' | 'vector' = 'vector',
): Signature[] {
  return names.split(' ').map((name) => ({ name, parameters, variadic, returns }));
}

/** The functions of Prometheus 2.42, but for those on native histograms and holt_winters. */
export const functions: ReadonlyMap<string, Signature> = new Map(
  [
    signatures(
      'abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor ln log10 log2 rad sgn sin sinh ' +
        'sort sort_desc sqrt tan tanh timestamp',
      ['vector'],
    ),
    signatures(
      'absent_over_time avg_over_time changes count_over_time delta deriv idelta increase irate last_over_time ' +
        'max_over_time min_over_time present_over_time rate resets stddev_over_time stdvar_over_time sum_over_time',
      ['matrix'],
    ),
    signatures('days_in_month day_of_month day_of_week day_of_year hour minute month year', ['vector'], 1),
    signatures('clamp', ['vector', 'scalar', 'scalar']),
    signatures('clamp_max clamp_min', ['vector', 'scalar']),
    signatures('round', ['vector', 'scalar'], 1),
    signatures('histogram_quantile', ['scalar', 'vector']),
    signatures('quantile_over_time', ['scalar', 'matrix']),
    signatures('predict_linear', ['matrix', 'scalar']),
    signatures('label_replace', ['vector', 'string', 'string', 'string', 'string']),
    signatures('label_join', ['vector', 'string', 'string', 'string'], -1),
    signatures('vector', ['scalar']),
    signatures('scalar', ['vector'], 0, 'scalar'),
    signatures('pi time', [], 0, 'scalar'),
  ]
    .flat()
    .map((signature) => [signature.name, signature]),
);

/** Functions of Prometheus 2.42 that are left out here. */
export const unsupportedFunctions: ReadonlySet<string> = new Set([
  'histogram_count',
  'histogram_sum',
  'histogram_fraction',
  'holt_winters',
]);
