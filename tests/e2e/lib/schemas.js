/* Two schemas: a small one of our own, and tldraw's. */
import { StoreSchema, createMigrationIds, createMigrationSequence, createRecordType } from '@tldraw/store'
import { createTLSchema } from '@tldraw/tlschema'
import { T } from '@tldraw/validate'
import { fileURLToPath } from 'node:url'

const noteValidator = T.object({
  id: T.string,
  typeName: T.literal('note'),
  x: T.number,
  y: T.number,
  text: T.string,
  props: T.object({
    color: T.string,
    label: T.string.optional(),
    style: T.jsonValue.optional(),
  }),
  tags: T.arrayOf(T.string),
})

const presenceValidator = T.object({
  id: T.string,
  typeName: T.literal('presence'),
  name: T.string,
  cursor: T.object({ x: T.number, y: T.number }),
  chat: T.string,
})

const Note = createRecordType('note', { scope: 'document', validator: noteValidator })
const Presence = createRecordType('presence', { scope: 'presence', validator: presenceValidator })

/* `version` counts the note's migrations, which do nothing. */
export function noteSchemaOfVersion(version) {
  const names = Object.fromEntries(Array.from({ length: version }, (_, i) => [`V${i + 1}`, i + 1]))
  const ids = createMigrationIds('com.example.note', names)
  const sequence = Object.values(ids).map((id) => ({ id, scope: 'record', up: () => {}, down: () => {} }))
  return StoreSchema.create(
    { note: Note, presence: Presence },
    {
      migrations: [createMigrationSequence({ sequenceId: 'com.example.note', retroactive: true, sequence })],
    },
  )
}

export const noteSchema = noteSchemaOfVersion(2)
export const tldrawSchema = createTLSchema()

/* What `--schema` is given for a room of `tldrawSchema`. */
export const TLDRAW_FILE = fileURLToPath(new URL('../../../deploy/schema/tldraw.schema', import.meta.url))
