// What a chart needs to know before it is drawn.

/** Where the lines across a chart stand: from nought in steps that people count in, up to at least `most`. */
export function linesUpTo(most: number): number[] {
  const rough = Math.max(most, 1) / 4
  const ten = 10 ** Math.floor(Math.log10(rough))
  const step = Math.max(1, ten * [1, 2, 5, 10].find((times) => ten * times >= rough)!)
  return Array.from({ length: Math.ceil(Math.max(most, 1) / step) + 1 }, (_, at) => at * step)
}

/** So much of the whole, as `98.5%`; a dash where there is no whole. */
export function percent(part: number, whole: number): string {
  return whole > 0 ? `${((part / whole) * 100).toFixed(1)}%` : '—'
}
