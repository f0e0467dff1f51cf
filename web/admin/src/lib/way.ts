/** Where an address asks to go on to: only to a page of ours. */
export function onward(to: unknown): string {
  return typeof to === 'string' && /^\/(?![\\/])/.test(to) ? to : '/'
}
