/* Records of tldraw's shapes, made by hand: the packages that know their defaults want a browser. */

/* What a store of tldraw's wants for its props. */
export const STORE_PROPS = { defaultName: '', assets: {}, onMount() {} }

/* Props that several kinds of shape have, in all releases. */
export const LOOK = { color: 'black', size: 'm', scale: 1 }
export const TEXT = {
  font: 'draw',
  align: 'middle',
  verticalAlign: 'middle',
  growY: 0,
  url: '',
  labelColor: 'black',
}
export const STROKE = { isComplete: false, isPen: false, scaleX: 1, scaleY: 1 }

export function richText(text) {
  return { type: 'doc', content: [{ type: 'paragraph', content: text ? [{ type: 'text', text }] : [] }] }
}

export function shapeOf(id, type, props) {
  return {
    id: `shape:${id}`,
    typeName: 'shape',
    type,
    x: 0,
    y: 0,
    rotation: 0,
    index: 'a1',
    parentId: 'page:page',
    isLocked: false,
    opacity: 1,
    props,
    meta: {},
  }
}
