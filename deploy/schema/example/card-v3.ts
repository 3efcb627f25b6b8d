/* The same app two versions of its card later: cards have a tint, and lines in place of a text. */
import {
  createShapePropsMigrationIds,
  createShapePropsMigrationSequence,
  createTLSchema,
  defaultBindingSchemas,
  defaultShapeSchemas,
} from '@tldraw/tlschema'
import { T } from '@tldraw/validate'

export interface CardProps {
  w: number
  h: number
  tint: string
  lines: { text: string; done: boolean }[]
}

const mostLines = 20

const tint = T.string.check('tint', (value) => {
  if (!/^#[0-9a-f]{6}$/.test(value))
    throw new Error(`Expected a tint such as #ffcc00, got ${value}`)
})

const versions = createShapePropsMigrationIds('card', { AddText: 1, AddTint: 2, TextToLines: 3 })

const cardMigrations = createShapePropsMigrationSequence({
  sequence: [
    {
      id: versions.AddText,
      up: (props) => {
        props.text = ''
      },
      down: (props) => {
        delete props.text
      },
    },
    {
      id: versions.AddTint,
      up: (props) => {
        props.tint = '#ffcc00'
      },
      down: (props) => {
        delete props.tint
      },
    },
    {
      id: versions.TextToLines,
      up: (props) => {
        props.lines = []
        for (const line of props.text === '' ? [] : props.text.split('\n')) {
          const done = line.startsWith('[x] ')
          props.lines.push({ text: done ? line.slice(4) : line, done })
        }
        delete props.text
      },
      down: (props) => {
        const { lines, ...others } = props
        return {
          ...others,
          text: lines
            .map(({ text, done }: CardProps['lines'][number]) => (done ? `[x] ${text}` : text))
            .join('\n'),
        }
      },
    },
  ],
})

export default createTLSchema({
  shapes: {
    ...defaultShapeSchemas,
    card: {
      props: {
        w: T.nonZeroNumber,
        h: T.nonZeroNumber,
        tint,
        lines: T.arrayOf(T.object({ text: T.string, done: T.boolean })).check((lines) => {
          if (lines.length > mostLines) throw new Error(`Expected at most ${mostLines} lines`)
        }),
      },
      migrations: cardMigrations,
    },
  },
  bindings: {
    ...defaultBindingSchemas,
    pin: { props: { anchor: T.object({ x: T.unitInterval, y: T.unitInterval }) } },
  },
  records: {
    vote: {
      scope: 'document',
      validator: T.object({
        id: T.string.refine((id) => {
          if (!id.startsWith('vote:')) throw new Error('the id of a vote starts with vote:')
          return id
        }),
        typeName: T.literal('vote'),
        cardId: T.string,
        by: T.string,
        stars: T.positiveInteger,
      }),
      createDefaultProperties: () => ({ stars: 0 }),
    },
  },
})
