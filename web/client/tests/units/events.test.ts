import { expect, test } from 'vitest'
import { eventReader } from '@/logic/events'

test('events are read from whatever pieces they come in', () => {
  const text = ':\n\nid: 1\nevent: session\ndata: {"a":1}\n\n:\n\nid: 2\nevent: session\ndata:{"b":\ndata: 2}\n\nid: 3\ndata: {"c"'
  for (let size = 1; size <= text.length; size++) {
    const read = eventReader()
    const found: string[] = []
    for (let at = 0; at < text.length; at += size) found.push(...read(text.slice(at, at + size)))
    expect(found).toEqual(['{"a":1}', '{"b":\n2}'])
  }
})
