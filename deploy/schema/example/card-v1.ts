/* An app with a shape, a binding and a record type of its own: as first released. */
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
  text: string
}

const versions = createShapePropsMigrationIds('card', { AddText: 1 })

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
  ],
})

export default createTLSchema({
  shapes: {
    ...defaultShapeSchemas,
    card: {
      props: { w: T.nonZeroNumber, h: T.nonZeroNumber, text: T.string },
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
