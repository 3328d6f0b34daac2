import type { Shape } from '../picture/shape.js'

export const SVG = 'http://www.w3.org/2000/svg'
export const HTML = 'http://www.w3.org/1999/xhtml'

const keys = new WeakMap<Element, string>()
const drawn = new WeakMap<Element, Shape>()

/**
 * Makes the children of an element like the shapes, and keeps elements that have the same key, so that focus, selections and animations
 * stay. Texts are set as text, never as markup: names come from other processes.
 */
export function patch(parent: Element, shapes: readonly Shape[], namespace: string): void {
  const focused = document.activeElement
  update(parent, shapes, namespace)
  // An element that is moved loses the focus.
  if (focused instanceof HTMLElement || focused instanceof SVGElement)
    if (focused.isConnected && focused !== document.activeElement && parent.contains(focused))
      focused.focus({ preventScroll: true })
}

function update(parent: Element, shapes: readonly Shape[], namespace: string): void {
  const existing = new Map<string, Element>()
  const children = Array.from(parent.children)
  for (const child of children) existing.set(keys.get(child) ?? '', child)
  const kept = shapes.map((shape, index) => {
    const key = `${shape.tag} ${shape.key ?? index}`
    const present = existing.get(key)
    existing.delete(key)
    const element = present ?? document.createElementNS(namespace, shape.tag)
    keys.set(element, key)
    return element
  })
  // All others, also those that had the key of another one: parts of keys come from other processes.
  const wanted = new Set(kept)
  for (const child of children) if (!wanted.has(child)) child.remove()
  let next = parent.firstElementChild
  for (const [index, element] of kept.entries()) {
    if (element === next) next = next.nextElementSibling
    else parent.insertBefore(element, next)
    fill(element, shapes[index] as Shape, namespace)
  }
}

function fill(element: Element, shape: Shape, namespace: string): void {
  const before = drawn.get(element)
  drawn.set(element, shape)
  for (const [name, value] of Object.entries(shape.attributes))
    if (before?.attributes[name] !== value) element.setAttribute(name, String(value))
  for (const name of Object.keys(before?.attributes ?? {}))
    if (!(name in shape.attributes)) element.removeAttribute(name)
  if (shape.text === undefined) update(element, shape.children, namespace)
  else if (before?.text !== shape.text) element.textContent = shape.text
}
