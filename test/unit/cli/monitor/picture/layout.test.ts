import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Layout,
  type Link,
  layOut,
  linkKey,
  type Size,
} from '../../../../../src/cli/monitor/picture/layout.js'

const VIEW = { width: 1_200, height: 600 }

function sizes(...ids: string[]): Size[] {
  return ids.map((id) => ({ id, width: 100, height: 40 }))
}

function link(text: string): Link {
  const [from = '', to = ''] = text.split('>')
  return { from, to }
}

function xOf({ places }: Layout, id: string): number {
  return places.get(id)?.x ?? Number.NaN
}

describe('the layout of the graph', () => {
  it('has each client on the left of its server', () => {
    const layout = layOut(sizes('db', 'api', 'web'), [link('web>api'), link('api>db'), link('web>db')], VIEW)
    expect(xOf(layout, 'web')).toBeLessThan(xOf(layout, 'api'))
    expect(xOf(layout, 'api')).toBeLessThan(xOf(layout, 'db'))
  })

  it('leads an edge around the boxes that are between its ends', () => {
    const layout = layOut(sizes('db', 'api', 'web'), [link('web>api'), link('api>db'), link('web>db')], VIEW)
    const api = layout.places.get('api')
    const [point] = layout.routes.get(linkKey(link('web>db'))) ?? []
    expect(api).toBeDefined()
    if (api === undefined || point === undefined) throw new Error('there is no route')
    expect(point.y < api.y || point.y > api.y + api.height).toBe(true)
    expect(layout.routes.has(linkKey(link('web>api')))).toBe(false)
  })

  it('ends with processes that call each other, or themselves', () => {
    const layout = layOut(sizes('a', 'b', 'c'), ['a>b', 'b>c', 'c>a', 'a>a'].map(link), VIEW)
    expect(layout.places.size).toBeGreaterThanOrEqual(3)
    expect(xOf(layout, 'a')).toBeLessThan(xOf(layout, 'b'))
  })

  it('divides a layer that is too high for the view', () => {
    const many = sizes('server', ...Array.from({ length: 60 }, (_, index) => `client ${index}`))
    const links = many.slice(1).map(({ id }) => ({ from: id, to: 'server' }))
    const { width, height, places } = layOut(many, links, VIEW)
    expect(places.size).toBe(61)
    expect(height).toBeLessThan((60 * 58) / 2)
    expect(width / height).toBeGreaterThan(0.8)
  })

  it('is empty without boxes', () => {
    expect(layOut([], [], VIEW)).toMatchObject({ width: 0, height: 0 })
  })

  it('is the same for the same processes, inside its bounds, and without boxes that overlap', () => {
    const graph = fc.integer({ min: 1, max: 40 }).chain((count) =>
      fc.record({
        count: fc.constant(count),
        links: fc.array(fc.tuple(fc.nat(count - 1), fc.nat(count - 1)), { maxLength: 80 }),
        heights: fc.array(fc.integer({ min: 30, max: 200 }), { minLength: count, maxLength: count }),
      }),
    )
    fc.assert(
      fc.property(graph, ({ count, links, heights }) => {
        const boxes = Array.from({ length: count }, (_, index) => ({
          id: `${index}`,
          width: 150,
          height: heights[index] ?? 30,
        }))
        const edges = links.map(([from, to]) => ({ from: `${from}`, to: `${to}` }))
        const layout = layOut(boxes, edges, VIEW)
        expect(layOut(boxes, edges, VIEW)).toEqual(layout)
        const places = boxes.map(({ id }) => layout.places.get(id))
        for (const [index, a] of places.entries()) {
          if (a === undefined) throw new Error(`the box ${index} has no place`)
          expect(
            a.x >= 0 && a.y >= 0 && a.x + a.width <= layout.width && a.y + a.height <= layout.height,
          ).toBe(true)
          for (const b of places.slice(index + 1)) {
            if (b === undefined) continue
            const apart =
              a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y
            expect(apart).toBe(true)
          }
        }
      }),
    )
  })
})
