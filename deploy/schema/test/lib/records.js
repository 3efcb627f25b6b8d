/* Records to try migrations on: those of the vectors, and what is left of them after some damage. */
import { readFileSync } from 'node:fs'

const vectors = new URL('../../../../tests/vectors/', import.meta.url)
export const validateCases = JSON.parse(
  readFileSync(new URL('validate.json', vectors), 'utf8'),
).cases
export const defaultSchema = JSON.parse(
  readFileSync(new URL('default-schema.json', vectors), 'utf8'),
)

const leaves = [
  null,
  true,
  false,
  0,
  1,
  2,
  -3.5,
  '',
  'a',
  'a0',
  'a10',
  'start',
  'end',
  'middle',
  'justify',
  'black',
  'laser',
  'https://tldraw.com/',
  'javascript:1',
  'one\ntwo',
  [],
  {},
  [1],
  { a: 1 },
  { x: 1, y: 2 },
  [
    { x: 0, y: 0, z: 0.5 },
    { x: 10.25, y: -3, z: 0.75 },
  ],
  [
    {
      type: 'free',
      points: [
        { x: 1, y: 2 },
        { x: 3.5, y: 4 },
      ],
    },
  ],
  { type: 'doc', content: [], attrs: {} },
  { x: 0.5, y: 0.5, type: 'point' },
  {
    type: 'binding',
    boundShapeId: 'shape:a',
    normalizedAnchor: { x: 0.5, y: 0.5 },
    isExact: false,
    isPrecise: true,
  },
  'https://www.youtube.com/watch?v=a1b2c3',
  'https://www.figma.com/embed?embed_host=share&url=https%3A%2F%2Fwww.figma.com%2Ffile%2Fa',
]
/* Members that older records have and newer ones lack. */
const older = [
  'text',
  'align',
  'autoSize',
  'handles',
  'points',
  'url',
  'start',
  'end',
  'label',
  'labelColor',
  'font',
  'segments',
  'fontSizeAdjustment',
  'textFirstEditedBy',
  'textLastEditedBy',
  'isComplete',
  'src',
  'fileSize',
  'tmpOldUrl',
  'size',
]

export function numbers(seed) {
  let state = seed >>> 0
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
}

/* The record as it is, and `count` damaged ones. */
export function variants(record, count, seed) {
  const below = numbers(seed)
  const made = [record]
  for (let n = 0; n < count; n++) {
    const damaged = structuredClone(record)
    for (let times = 1 + below(3); times > 0; times--) {
      const inProps = damaged.props && typeof damaged.props === 'object' && below(5) > 0
      const at = inProps ? damaged.props : damaged
      const names = Object.keys(at).filter(
        (name) => inProps || !['typeName', 'type'].includes(name),
      )
      const name =
        below(2) || !names.length ? older[below(older.length)] : names[below(names.length)]
      if (below(4) === 0) delete at[name]
      else at[name] = structuredClone(leaves[below(leaves.length)])
    }
    made.push(damaged)
  }
  return made
}
